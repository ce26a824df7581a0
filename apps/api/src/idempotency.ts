import { createHash } from 'node:crypto'
import type { RouteName } from '@kantor/contracts'
import { answerOnce, type Database } from '@kantor/db'
import { crashpoint } from '@kantor/runtime'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Of a request whose route accepts an Idempotency-Key; undefined without one. */
export const idempotencyKeyOf = (request: FastifyRequest): string | undefined =>
  request.headers['idempotency-key'] as string | undefined

interface Once {
  name: RouteName
  key: string
  request: FastifyRequest
  reply: FastifyReply
  /** A key of the reply that a repeat does not get to see. */
  shownOnce: string | undefined
}

/**
 * Answers a request that carries an Idempotency-Key: the first time by `handle`, whose writes and reply commit together; then with what
 * the first one answered.
 */
export async function replyOnce(
  db: Database,
  { name, key, request, reply, shownOnce }: Once,
  handle: (joined: Database) => Promise<unknown>,
): Promise<FastifyReply> {
  const requestHash = createHash('sha256').update(`${request.url}\n${request.bodyHash}`).digest('hex')
  let first: string | undefined
  const answer = await answerOnce(
    db,
    { keyId: request.caller?.keyId ?? null, route: name, key, requestHash },
    async (joined) => {
      first = JSON.stringify(await handle(joined))
      crashpoint('submit-before-commit')
      const location = reply.getHeader('location')
      return {
        status: reply.statusCode,
        location: typeof location === 'string' ? location : null,
        reply: withNull(first, shownOnce),
      }
    },
  )
  crashpoint('submit-after-commit')
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  if (answer.location !== null) reply.header('location', answer.location)
  return reply
    .code(answer.status)
    .type('application/json; charset=utf-8')
    .send(first ?? answer.reply)
}

const withNull = (reply: string, key: string | undefined): string =>
  key === undefined ? reply : JSON.stringify({ ...(JSON.parse(reply) as object), [key]: null })
