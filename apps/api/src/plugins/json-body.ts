import { createHash } from 'node:crypto'
import { AppError, defaultBodyLimit } from '@kantor/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { scanJson } from '../scan-json.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Keys that the body may hold, nested objects included. */
    maxKeys?: number
  }
  interface FastifyRequest {
    /** SHA-256 of the body's bytes, hexadecimal; empty without a body. */
    bodyHash: string
  }
}

/** One media type, one parser: strict UTF-8, strict JSON, no key twice, nothing that could reach a prototype. */
export function useJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.decorateRequest('bodyHash', '')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    if (body.length === 0) return undefined
    request.bodyHash = createHash('sha256').update(body).digest('hex')
    return parseJson(body, request.routeOptions.config.maxKeys ?? defaultBodyLimit.keys)
  })
  app.addHook('onRequest', async (request) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw new AppError('unsupported-media-type', 'send the body without Content-Encoding')
  })
  app.addHook('preValidation', async (request) => {
    const { expectsBody } = request.routeOptions.config
    if (expectsBody === undefined || request.body !== undefined) return
    if (expectsBody) throw new AppError('empty-body', 'this request needs a JSON body')
    request.body = {}
  })
}

/** AppError `invalid-encoding`, `malformed-json`, `duplicate-key` or `too-complex`, with the offset where it is known. */
function parseJson(bytes: Uint8Array, maxKeys: number): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new AppError('invalid-encoding', 'the body holds bytes that are not UTF-8', { cause: error })
  }
  if (text.trim() === '') throw new AppError('empty-body', 'this request needs a JSON body')
  const fault = scanJson(text, maxKeys)
  if (fault) throw new AppError(fault.code, `${fault.message} at character ${fault.offset}`)
  return JSON.parse(text) as unknown
}
