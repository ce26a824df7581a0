import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { transform } from '@swc/core'

const root = join(import.meta.dirname, '../../..')

test('the example of the README runs as it stands and fits its line', async () => {
  const readme = await readFile(join(root, 'packages/engine/README.md'), 'utf8')
  const [, example] = /```ts\n(.*?)```/s.exec(readme) ?? []
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } } as const
  const { code } = await transform(example as string, options)
  const file = join(root, 'test-output/readme-example.mjs')
  await mkdir(join(root, 'test-output'), { recursive: true })
  await writeFile(file, code)

  const { stdout } = await promisify(execFile)(process.execPath, [file])

  const numbers = [...stdout.matchAll(/^[\d.e-]+$/gm)].map(Number)
  expect(numbers).toHaveLength(300)
  expect(numbers[0]).toBeGreaterThan(0.5)
  expect(numbers.at(-1)).toBeLessThan(1e-3)
  const weights = /Float32Array\(3\) \[(.*)\]/s.exec(stdout)?.[1]?.split(',').map(Number)
  for (const [i, weight] of [1, -2, 0].entries()) expect(weights?.[i]).toBeCloseTo(weight, 1)
})
