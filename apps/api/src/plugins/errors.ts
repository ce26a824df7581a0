import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import { AppError, type ErrorCode } from '@kantor/contracts'
import { withoutSecrets } from '@kantor/runtime'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'

const RETRY_AFTER_SECONDS = 5
const DRAIN_MS = 2_000
/** Browsers send about twenty, proxies add a few. Node's own limit, 2 000, is told nobody: it drops the rest. */
const MAX_HEADERS = 100

/** What fastify's own errors mean to a client. */
const frameworkErrors: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    'send JSON, with the header Content-Type: application/json; a file, to a route that takes one, under its own type',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed-json', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: ['not-found', 'the path is not a valid URL'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'there is nothing under this id'],
}
const byStatus: Record<number, ErrorCode> = {
  400: 'malformed-json',
  413: 'payload-too-large',
  415: 'unsupported-media-type',
}

/** Every failure becomes problem+json (RFC 9457); what is not the client's doing keeps its details to the log. */
export function useErrors(app: FastifyInstance, deps: Pick<ApiDeps, 'isShuttingDown'>): void {
  const paths: { method: string; pattern: RegExp }[] = []
  app.addHook('onRoute', (route) => {
    const pattern = new RegExp(`^${route.url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`)
    for (const method of [route.method].flat()) if (!route.url.includes('*')) paths.push({ method, pattern })
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    if (request.raw.rawHeaders.length > 2 * MAX_HEADERS)
      throw new AppError('headers-too-large', `send at most ${MAX_HEADERS} headers`)
    // Health is still told: that is how a load balancer learns.
    if (!deps.isShuttingDown?.() || request.routeOptions.config.scope === 'public') return
    reply.header('connection', 'close')
    throw new AppError('shutting-down', 'this instance is going down; try again')
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    const line = { method: request.method, route, status: reply.statusCode }
    request.log.debug({ ...line, ms: Math.round(reply.elapsedTime) }, 'request')
  })

  app.setErrorHandler(async (error, request, reply) => {
    if (codeOf(error) !== 'FST_ERR_CTP_BODY_TOO_LARGE') return sendProblem(error, request, reply)
    await drain(request.raw)
    const mebibytes = request.routeOptions.bodyLimit / 2 ** 20
    const tooLarge = new AppError('payload-too-large', `a body may hold ${mebibytes} MiB here at most`, {
      cause: error,
    })
    return sendProblem(tooLarge, request, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const methods = [...new Set(paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))]
    if (methods.length === 0)
      throw new AppError('not-found', 'there is nothing at this path; /docs lists what there is')
    reply.header('allow', methods.join(', '))
    throw new AppError('method-not-allowed', `this path knows ${methods.join(', ')}`, { allowed: methods })
  })
}

/**
 * A socket that is closed with unread bytes is reset, and the client sees that instead of our answer: take in what it still sends,
 * for a moment.
 */
export async function drain(body: IncomingMessage): Promise<void> {
  body.resume()
  await finished(body, { signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => {})
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
const pathOf = (request: FastifyRequest) => request.url.split('?', 1)[0]!

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error)
  const { status } = known
  const about = { err: error, method: request.method, route: request.routeOptions?.url }
  if (status === 503) request.log.warn(about, 'a request met an outage')
  else if (status >= 500) request.log.error(about, 'a request failed')

  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  if (known.code === 'request-in-progress') reply.header('retry-after', 1)
  if (known.retryAfterSeconds !== undefined) reply.header('retry-after', known.retryAfterSeconds)
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="kantor"')
  const problem = shown(known, request.id).toProblem(withoutSecrets(pathOf(request)).slice(0, 200), request.id)
  for (const name of ofTheReply) reply.removeHeader(name)
  return (
    reply
      .code(status)
      // Of these a request that never found a route has none yet.
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('cache-control', 'no-store')
      .type('application/problem+json')
      .send(JSON.stringify(problem))
  )
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  const { statusCode } = error as { statusCode?: unknown }
  const framework = typeof code === 'string' ? frameworkErrors[code] : undefined
  if (framework) return new AppError(framework[0], framework[1], { cause: error })
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new AppError(byStatus[statusCode] ?? 'not-found', STATUS_CODES[statusCode] ?? 'the request is refused')
  return new AppError('internal', 'unexpected error', { cause: error })
}

/** Paths, hosts and messages of drivers stay inside. */
function shown(error: AppError, requestId: string): AppError {
  if (error.code === 'internal')
    return new AppError('internal', `the request failed; the service's log has the details under ${requestId}`)
  if (error.code === 'dependency-unavailable')
    return new AppError(error.code, 'the database or the object store does not answer; try again in a moment')
  return error
}

/** Headers that a handler may have set for the reply that did not come about. */
const ofTheReply = [
  'location',
  'content-length',
  'content-disposition',
  'etag',
  'repr-digest',
  'x-kantor-sha256',
  'set-cookie',
]

/** For bytes that are not an HTTP request: there is no request to hook into, so the reply is written by hand. */
export function answerBrokenRequest(error: BrokenRequest, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = statusOfBroken(error)
  const title = STATUS_CODES[status]
  const body = JSON.stringify({ type: 'about:blank', title, status })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n${body}`,
  )
}

interface BrokenRequest extends Error {
  code?: string
  /** What was being read; a Buffer, whatever fastify's types say. */
  rawPacket?: unknown
}

function statusOfBroken({ code, rawPacket }: BrokenRequest): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code !== 'HPE_HEADER_OVERFLOW') return 400
  // Node counts the request line as a header.
  const text = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : ''
  return /^[A-Z]+ \/[^\r]*$/.test(text) ? 414 : 431
}
