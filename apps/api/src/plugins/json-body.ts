import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { AppError, defaultBodyLimit } from '@kantor/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { scanJson } from '../scan-json.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Keys that the body may hold, nested objects included. */
    maxKeys?: number
    /** Of a body that is no JSON. */
    upload?: string | undefined
  }
  interface FastifyRequest {
    /** SHA-256 of the body's bytes, hexadecimal; empty without a body. */
    bodyHash: string
  }
}

/** JSON has one parser: strict UTF-8, strict JSON, no key twice, nothing that could reach a prototype. Files pass by it, to routes that take them. */
export function useJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.decorateRequest('bodyHash', '')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    assertTakes(request, undefined)
    if (body.length === 0) return undefined
    request.bodyHash = createHash('sha256').update(body).digest('hex')
    return parseJson(body, request.routeOptions.config.maxKeys ?? defaultBodyLimit.keys)
  })
  // Read by the route, into a file: only there is it known what else has to be right.
  for (const type of ['application/zip', 'application/octet-stream']) {
    app.addContentTypeParser(type, async (request: FastifyRequest, body: IncomingMessage) => {
      assertTakes(request, type)
      return body
    })
  }
  app.addHook('onRequest', async (request) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw new AppError('unsupported-media-type', 'send the body without Content-Encoding')
  })
  app.addHook('preValidation', async (request) => {
    const { expectsBody } = request.routeOptions.config
    if (expectsBody === undefined || request.body !== undefined) return
    if (expectsBody) throw new AppError('empty-body', 'this request needs a body')
    request.body = {}
  })
}

function assertTakes({ routeOptions }: FastifyRequest, mediaType: string | undefined): void {
  const { upload } = routeOptions.config
  if (upload === mediaType) return
  throw new AppError('unsupported-media-type', `send ${upload ?? 'application/json'} here`)
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
