import { setImmediate } from 'node:timers/promises'
import {
  AppError,
  applyPreset,
  MAX_TRIALS,
  type MovingVerb,
  type RouteName,
  seriesNames,
  type Sweep,
  type Trial,
} from '@kantor/contracts'
import { type Database, getSweep, listSweeps, listTrials, trialsFor } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { actOnJobs } from '../act-on-jobs.js'
import { toCsv } from '../csv.js'
import { register } from '../register.js'
import type { Submitter } from '../resolve-jobs.js'
import { forecastSweep, submitSweep } from '../submit-sweep.js'

const DEFAULT_LIMIT = 50

const plain = { resumeSweep: 'resume', stopSweep: 'stop', cancelSweep: 'cancel' } as const satisfies Partial<
  Record<RouteName, MovingVerb>
>

export function sweepRoutes(app: FastifyInstance): void {
  register(
    app,
    'createSweep',
    async ({ query, body, by, db, reply }) => {
      // A thousand trials take some 50 ms to check; others get their turn before.
      await setImmediate()
      if (query.dryRun === 'true') return forecastSweep(db, body, by)
      const sweep = await submitSweep(db, body, by)
      reply.header('location', `/sweeps/${sweep.id}`)
      return sweep
    },
    {
      preValidation: async (request) => {
        request.body = applyPreset(request.body)
      },
    },
  )
  register(app, 'listSweeps', ({ query, db }) => listSweeps(db, query))
  register(app, 'getSweep', async ({ params, db }) => {
    const sweep = await existingSweep(db, params.id)
    const { items } = await listTrials(db, sweep, { sort: 'best', limit: 1 })
    return { ...sweep, best: items.find(hasRank) ?? null }
  })
  register(app, 'listTrials', async ({ params, query, db, reply }) => {
    const { format, limit = format === 'csv' ? MAX_TRIALS : DEFAULT_LIMIT, ...asked } = query
    const sweep = await existingSweep(db, params.id)
    const page = await listTrials(db, sweep, { ...asked, limit })
    return format === 'json' ? page : reply.type('text/csv; charset=utf-8').send(trialsCsv(sweep, page.items))
  })

  register(app, 'pauseSweep', ({ params, body, by, db }) => actOnSweep(db, params.id, { verb: 'pause', ...body }, by))
  for (const name of Object.keys(plain) as (keyof typeof plain)[]) {
    register(app, name, ({ params, by, db }) => actOnSweep(db, params.id, { verb: plain[name] }, by))
  }
}

/** AppError `not-found`. */
export async function existingSweep(db: Database, id: string): Promise<Sweep> {
  const sweep = await getSweep(db, id)
  if (!sweep) throw new AppError('not-found', `there is no sweep ${id}`)
  return sweep
}

const hasRank = ({ value, state }: Trial) => value !== null && state !== 'failed' && state !== 'cancelled'

/** The verb on every trial that takes it. One that ends on the way refuses, and is over all the same. */
async function actOnSweep(
  db: Database,
  id: string,
  { verb, checkpoint }: { verb: MovingVerb; checkpoint?: 'save' | 'latest' },
  by: Submitter,
): Promise<Sweep> {
  const { state } = await existingSweep(db, id)
  if (state === 'finished' && (verb === 'pause' || verb === 'resume'))
    throw new AppError('invalid-state', `${verb} is not for a sweep whose trials are all over`, {
      currentState: state,
      allowed: [],
    })
  await actOnJobs(db, { action: verb, ids: await trialsFor(db, id, verb), checkpoint }, by)
  return existingSweep(db, id)
}

function trialsCsv({ search }: Sweep, trials: Trial[]): string {
  const paths = Object.keys(search.parameters)
  return toCsv(
    ['trial', 'configuration', 'jobId', 'state', 'seed', ...paths, 'step', 'value', 'metricsStep', ...seriesNames],
    trials.map((one) => [
      one.trial,
      one.configuration,
      one.jobId,
      one.state,
      one.seed,
      ...paths.map((path) => {
        const value = one.parameters[path] ?? null
        return typeof value === 'boolean' ? String(value) : value
      }),
      one.step,
      one.value,
      one.metricsStep,
      ...seriesNames.map((name) => one.metrics[name] ?? null),
    ]),
  )
}
