import { AppError } from '@kantor/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { scanJson } from '../scan-json.js'

/** One media type, one parser: strict UTF-8, strict JSON, no key twice, nothing that could reach a prototype. */
export function useJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    body.length === 0 ? undefined : parseJson(body),
  )
  app.addHook('onRequest', async (request) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw new AppError('unsupported-media-type', 'send the body without Content-Encoding')
  })
  app.addHook('preValidation', async (request) => {
    if (request.routeOptions.config.expectsBody === true && request.body === undefined)
      throw new AppError('empty-body', 'this request needs a JSON body')
  })
}

/** AppError `invalid-encoding`, `malformed-json`, `duplicate-key` or `too-complex`, with the offset where it is known. */
function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new AppError('invalid-encoding', 'the body holds bytes that are not UTF-8', { cause: error })
  }
  if (text.trim() === '') throw new AppError('empty-body', 'this request needs a JSON body')
  const fault = scanJson(text)
  if (fault) throw new AppError(fault.code, `${fault.message} at character ${fault.offset}`)
  return JSON.parse(text) as unknown
}
