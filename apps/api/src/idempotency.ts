import { createHash } from 'node:crypto'
import type { RouteName } from '@kantor/contracts'
import { answerOnce, type Database } from '@kantor/db'
import { crashpoint } from '@kantor/runtime'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Of a request whose route accepts an Idempotency-Key; undefined without one. */
export const idempotencyKeyOf = (request: FastifyRequest): string | undefined =>
  request.headers['idempotency-key'] as string | undefined

/**
 * Answers a request that carries an Idempotency-Key: the first time by `handle`, whose writes and reply commit together; then with what
 * the first one answered.
 */
export async function replyOnce(
  db: Database,
  { name, key, request, reply }: { name: RouteName; key: string; request: FastifyRequest; reply: FastifyReply },
  handle: (joined: Database) => Promise<unknown>,
): Promise<FastifyReply> {
  const requestHash = createHash('sha256').update(`${request.url}\n${request.bodyHash}`).digest('hex')
  const answer = await answerOnce(db, { keyId: request.keyId, route: name, key, requestHash }, async (joined) => {
    const body = JSON.stringify(await handle(joined))
    crashpoint('submit-before-commit')
    const location = reply.getHeader('location')
    return { status: reply.statusCode, location: typeof location === 'string' ? location : null, reply: body }
  })
  crashpoint('submit-after-commit')
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  if (answer.location !== null) reply.header('location', answer.location)
  return reply.code(answer.status).type('application/json; charset=utf-8').send(answer.reply)
}
