import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Failure } from './failure.js'

/** An object or a list from a file, or from stdin under the name of `-`. Failure `notFound`, `usage`. */
export async function readJson(file: string): Promise<object | unknown[]> {
  const name = file === '-' ? 'stdin' : file
  const content = await (file === '-' ? text(process.stdin) : readFile(file, 'utf8')).catch((error: unknown) => {
    throw new Failure('notFound', `${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
  if (content.trim() === '') throw new Failure('usage', `${name} is empty: it must hold a JSON body`)
  let body: unknown
  try {
    body = JSON.parse(content)
  } catch (error) {
    throw new Failure('usage', `${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof body === 'object' && body !== null) return body
  throw new Failure(
    'usage',
    `${name} must hold a JSON object, such as {"spec": {"dataset": "mnist"}}, or a list of them`,
  )
}
