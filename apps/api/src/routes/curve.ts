import { createHash } from 'node:crypto'
import { type CurveQuery, isMetricSeries } from '@kantor/contracts'
import { curveVersion, readCurve } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { toCurveParquet } from '../curve-parquet.js'
import { toCsv, toNdjson } from '../curve-text.js'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'

/**
 * Of a job that is over nothing changes but its marks, when a checkpoint is found damaged or its record is deleted: a copy is good for five
 * minutes without asking. Not so where quality metrics are asked for: its checkpoints can be evaluated at any time.
 */
const FINISHED = 'private, max-age=300, immutable'
const LIVE = 'private, no-cache'

/** An idle poll costs one look at the job's row: the tag follows from it, before any point is read. */
export function curveRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'getCurve', async ({ params, query, request, reply }) => {
    const held = request.headers['if-none-match']?.split(',').map((tag) => tag.trim())
    const known = await curveVersion(db, params.id)
    const describe = ({ seq, complete }: { seq: number; complete: boolean }) =>
      reply
        .header('etag', entityTag(params.id, { seq, complete }, query))
        .header('cache-control', complete && !query.metrics.some(isMetricSeries) ? FINISHED : LIVE)
    if (held?.includes(entityTag(params.id, known, query))) return describe(known).code(304).send()
    const curve = await readCurve(db, params.id, query)
    describe(curve)
    if (query.format === 'csv') return reply.type('text/csv; charset=utf-8').send(toCsv(curve))
    if (query.format === 'ndjson') return reply.type('application/x-ndjson').send(toNdjson(curve))
    if (query.format === 'parquet')
      return reply.type('application/vnd.apache.parquet').send(await toCurveParquet(curve))
    return curve
  })
}

function entityTag(jobId: string, { seq, complete }: { seq: number; complete: boolean }, query: CurveQuery): string {
  const hash = createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 16)
  return `W/"${jobId}:${seq}:${complete ? 'over' : 'live'}:${hash}"`
}
