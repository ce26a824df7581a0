import { createHash } from 'node:crypto'
import type { CurveReply } from '@kantor/contracts'
import { readCurve } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'

/** An idle poll costs one small query: with the newest `sinceSeq` nothing is aggregated, and the reply is a 304. */
export function curveRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'getCurve', async ({ params, query, request, reply }) => {
    const curve = await readCurve(db, params.id, query)
    const etag = entityTag(curve, query)
    reply.header('etag', etag).header('cache-control', 'private, no-cache')
    const held = request.headers['if-none-match']?.split(',').map((tag) => tag.trim())
    return held?.includes(etag) ? reply.code(304).send() : curve
  })
}

/** `seq` moves with the points; the end of a job and a quarantined checkpoint change a reply without it. */
function entityTag(curve: CurveReply, query: unknown): string {
  const rest = JSON.stringify([query, curve.complete, curve.marks])
  return `W/"${curve.jobId}:${curve.seq}:${createHash('sha256').update(rest).digest('base64url').slice(0, 16)}"`
}
