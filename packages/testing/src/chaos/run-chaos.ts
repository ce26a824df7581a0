import { setTimeout as sleep } from 'node:timers/promises'
import { terminalStates } from '@kantor/contracts'
import { checkInvariants } from '../invariants/check-invariants.js'
import { type ProcessStack, startProcessStack } from '../stack/process-stack.js'
import { type Fault, kills } from './faults.js'
import { type Load, startLoad } from './load.js'
import { type Random, seededRandom } from './random.js'

export interface ChaosOptions {
  seed: number
  numJobs: number
  numKills: number
  tell: (line: string) => void
}

export interface ChaosReport {
  jobs: number
  /** By kind of process. */
  kills: Record<string, number>
  /** Acknowledged jobs that are gone, or did not end as an undisturbed one does. */
  lost: number
  /** Jobs that one request made twice, and every broken invariant other than those two. */
  duplicatedEffects: number
  mismatchedWeights: number
  seconds: number
  seed: number
  violations: string[]
}

/** Renewed often and given up after 7.5 s: an outage of two seconds costs no lease, a killed worker is noticed soon. */
const LEASE_SECONDS = 10
const GENERATOR_STEPS = 200
const SETTLE_MS = 900_000

/** Jobs on a stack of processes that are killed at random moments and started again, and what is left when all has come to rest. */
export async function runChaos({ seed, numJobs, numKills, tell }: ChaosOptions): Promise<ChaosReport> {
  const random = seededRandom(seed)
  const stack = await startProcessStack({ redis: true, workers: 2, leaseSeconds: LEASE_SECONDS })
  try {
    tell('running each kind of job once, undisturbed')
    const load = await startLoad(stack, 'chaos', GENERATOR_STEPS)
    const startedAt = performance.now()
    // Two streams of random numbers, because the two take turns as the machine pleases.
    const [submitted, struck] = await Promise.all([
      load.submit(numJobs, seededRandom(seed + 1)),
      strikeRepeatedly(stack, random, { faults: kills, count: numKills, pauseMs: [500, 3000], tell }),
    ]).then(([, strikes]) => [numJobs, strikes] as const)
    tell(`${struck.length} kills done, waiting for the jobs to end`)
    await load.settle(SETTLE_MS)
    const seconds = (performance.now() - startedAt) / 1000
    return { jobs: submitted, kills: countByName(struck), seconds, seed, ...(await judge(stack, load)) }
  } finally {
    await stack.stop()
  }
}

export interface StrikeOptions {
  faults: readonly Fault[]
  /** Strikes, or until this says no. */
  count: number | (() => boolean)
  pauseMs: readonly [number, number]
  tell: (line: string) => void
}

/** One fault after another, each over before the next. Answers their names. */
export async function strikeRepeatedly(stack: ProcessStack, random: Random, options: StrikeOptions): Promise<string[]> {
  const { faults, count, pauseMs, tell } = options
  const struck: string[] = []
  const goesOn = () => (typeof count === 'number' ? struck.length < count : count())
  while (goesOn()) {
    await sleep(random.between(...pauseMs))
    const fault = random.pick(faults)
    if (fault.costsAttempts && (await hasFragileJob(stack))) continue
    if (!(await fault.strike(stack, random))) continue
    struck.push(fault.name)
    tell(`${struck.length}. ${fault.name}`)
  }
  return struck
}

/**
 * Whether one more lost attempt would end a job: three without a new checkpoint between them are, by the service's own rule, the job's fault
 * (`poison`). Unknown counts as yes.
 */
async function hasFragileJob({ db }: ProcessStack): Promise<boolean> {
  const { rows } = await db.pool
    .query<{ n: number }>(`SELECT count(*)::int AS n FROM job WHERE crashes >= 2 AND state <> ALL($1)`, [
      terminalStates,
    ])
    .catch(() => ({ rows: [] }))
  return rows[0]?.n !== 0
}

/** What the state of rest says. */
export async function judge(
  { db, store }: ProcessStack,
  { acknowledged, golden }: Load,
): Promise<Pick<ChaosReport, 'lost' | 'duplicatedEffects' | 'mismatchedWeights' | 'violations'>> {
  const violations = await checkInvariants(db, store, { acknowledged, golden, settled: true, bitwise: true })
  const { rows: jobs } = await db.pool.query<{ id: string; name: string; state: string; message: string | null }>(
    'SELECT id, name, state, message FROM job',
  )
  const succeeded = new Set(jobs.filter(({ state }) => state === 'succeeded').map(({ id }) => id))
  const lost = [...acknowledged].filter((id) => !succeeded.has(id))
  for (const { id, state, message } of jobs)
    if (state !== 'succeeded') violations.push(`job ${id}: ended as ${state}: ${message ?? ''}`)
  const names = jobs.map(({ name }) => name)
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  for (const name of twice) violations.push(`the request for "${name}" made more than one job`)
  const mismatched = violations.filter((violation) => violation.includes('undisturbed run')).length
  const lostTold = violations.filter((violation) => /acknowledged and is gone|: ended as /.test(violation)).length
  return {
    lost: lost.length,
    duplicatedEffects: violations.length - mismatched - lostTold,
    mismatchedWeights: mismatched,
    violations,
  }
}

export function countByName(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
