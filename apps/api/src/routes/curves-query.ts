import {
  AppError,
  comparedKeys,
  type CurveItem,
  CurveQuery,
  type CurveReply,
  type CurveSeries,
  type CurvesQuery,
  type Job,
  MAX_CURVES,
  MAX_TRIALS,
  type SeriesName,
} from '@kantor/contracts'
import { type Database, getJob, listTrials, readCurves } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { specDifferences } from '../spec-difference.js'
import { existingSweep } from './sweeps.js'

export function curvesQueryRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  register(app, 'queryCurves', async ({ body }) => {
    const { jobIds: named, sweepId, normalize, requireComparable, ...asked } = body
    const jobIds = named ?? (await startedTrials(db, sweepId!))
    if (jobIds.length === 0) return { resolution: 1, items: [] }
    if (requireComparable) assertComparable(await existingJobs(db, jobIds), named ? '/jobIds' : '/sweepId')
    const metrics: SeriesName[] =
      normalize === 'gradnorm' ? [...new Set<SeriesName>([...asked.metrics, SLOPE])] : asked.metrics
    const curves = await readCurves(db, jobIds, { ...CurveQuery.parse({}), ...asked, metrics })
    const items = curves.map((curve) => toItem(curve, asked.metrics, normalize))
    return { resolution: curves[0]!.resolution, items }
  })
}

async function existingJobs(db: Database, ids: readonly string[]): Promise<Job[]> {
  const jobs: Job[] = []
  for (const id of ids) {
    const job = await getJob(db, id)
    if (!job) throw new AppError('not-found', `there is no job ${id}`)
    jobs.push(job)
  }
  return jobs
}

async function startedTrials(db: Database, sweepId: string): Promise<string[]> {
  const sweep = await existingSweep(db, sweepId)
  const { items } = await listTrials(db, sweep, { sort: 'best', limit: MAX_TRIALS })
  const started = items.filter(({ step }) => step !== null)
  return started.slice(0, MAX_CURVES).map(({ jobId }) => jobId)
}

/** Every job against the first: what sets the scale of an estimate must be the same. */
function assertComparable([first, ...others]: Job[], named: '/jobIds' | '/sweepId'): void {
  const errors = others.flatMap((job, i) => {
    const differing = specDifferences(first!.spec, job.spec).filter(({ pointer }) =>
      comparedKeys.some((key) => pointer === key || pointer.startsWith(`${key}/`)),
    )
    return differing.map(({ pointer, here = 'absent', there = 'absent' }) => ({
      pointer: named === '/jobIds' ? `/jobIds/${i + 1}` : named,
      code: 'conflicting-options' as const,
      message: `${named === '/jobIds' ? 'its spec' : `the spec of trial ${job.trial}`} has ${pointer.slice(1)} = ${JSON.stringify(there)}, the first job's ${JSON.stringify(here)}`,
      hint: 'compare jobs of one critic on one dataset, or send "requireComparable": false',
    }))
  })
  if (errors.length === 0) return
  throw new AppError(
    'not-comparable',
    'the jobs differ in what sets the scale of the estimate, so their curves do not belong on one axis',
    { errors: errors.slice(0, 100) },
  )
}

const SLOPE = 'slope_between'

function toItem(curve: CurveReply, metrics: readonly SeriesName[], normalize: CurvesQuery['normalize']): CurveItem {
  const scale: CurveItem['scale'] = {}
  const series: CurveReply['series'] = {}
  const slope = normalize === 'gradnorm' ? meanOf(curve.series[SLOPE]) : null
  for (const name of metrics) {
    const found = curve.series[name]
    if (!found) continue
    const by = normalize === 'first' ? firstOf(found) : slope
    scale[name] = by
    const divide = <T>(value: T) => (by !== null && typeof value === 'number' ? ((value / by) as T) : value)
    series[name] =
      by === null
        ? found
        : {
            ...found,
            last: found.last.map(divide),
            min: found.min.map(divide),
            max: found.max.map(divide),
            mean: found.mean.map(divide),
            ...(found.smooth && { smooth: found.smooth.map(divide) }),
          }
  }
  const { jobId, x, resolution, seq, complete, marks } = curve
  return { jobId, x, resolution, seq, complete, series, marks, scale }
}

const nonZero = (size: number): number | null => (Number.isFinite(size) && size !== 0 ? Math.abs(size) : null)

const firstOf = ({ mean }: CurveSeries) => nonZero(mean.find((value) => value !== null) ?? 0)

/** Of all points of the range, whatever buckets they lie in. */
function meanOf(found: CurveSeries | undefined): number | null {
  const [sum, n] = (found?.mean ?? []).reduce<[number, number]>(
    ([total, points], mean, i) =>
      mean === null ? [total, points] : [total + mean * found!.n[i]!, points + found!.n[i]!],
    [0, 0],
  )
  return nonZero(sum / n)
}
