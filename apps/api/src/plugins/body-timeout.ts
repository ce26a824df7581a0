import type { FastifyInstance } from 'fastify'
import { answerBrokenRequest } from './errors.js'

/**
 * Cuts bodies off that do not come to an end: a document after 30 s, a file when nothing of it has come for as long. Node's own limit knows no
 * difference between the two.
 */
export function useBodyTimeout(app: FastifyInstance, bodyTimeoutMs = 30_000): void {
  app.addHook('preParsing', async (request, _reply, body) => {
    const { headers, socket } = request.raw
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return
    let seen = socket.bytesRead
    const timer = setInterval(() => {
      const moves = socket.bytesRead > seen && request.routeOptions.config.upload !== undefined
      seen = socket.bytesRead
      if (moves) return
      clearInterval(timer)
      const late = Object.assign(new Error('the body takes too long'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
      answerBrokenRequest(late, socket)
    }, bodyTimeoutMs)
    for (const event of ['end', 'close', 'error']) body.once(event, () => clearInterval(timer))
  })
}
