import { startProcessStack } from '../stack/process-stack.js'
import { disturbances } from './faults.js'
import { startLoad } from './load.js'
import { seededRandom } from './random.js'
import { countByName, judge, strikeRepeatedly } from './run-chaos.js'

export interface RandomFaultsOptions {
  seed: number
  /** Rounds begin until this long has passed. */
  seconds: number
  tell: (line: string) => void
}

export interface RandomFaultsReport {
  seed: number
  rounds: { seed: number; backend: string; jobs: number; faults: Record<string, number>; violations: string[] }[]
  seconds: number
  violations: number
}

/** Shorter than the longest stand-still: leases are lost for real. */
const LEASE_SECONDS = 8
const JOBS_PER_ROUND = 8
const GENERATOR_STEPS = 200
const SETTLE_MS = 900_000

/** Rounds on fresh stacks, tickets in Postgres and in Redis by turns: random faults at random moments until the jobs have ended, then the checker. */
export async function runRandomFaults({ seed, seconds, tell }: RandomFaultsOptions): Promise<RandomFaultsReport> {
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  const rounds: RandomFaultsReport['rounds'] = []
  while (elapsed() < seconds) {
    const round = await runRound(seed + rounds.length, rounds.length % 2 === 1, tell)
    rounds.push(round)
    const found = round.violations.length === 0 ? 'no violation' : round.violations.join('\n  ')
    tell(
      `round ${rounds.length} (seed ${round.seed}, tickets in ${round.backend}) after ${Math.round(elapsed())} s: ${found}`,
    )
  }
  const violations = rounds.reduce((sum, round) => sum + round.violations.length, 0)
  return { seed, rounds, seconds: elapsed(), violations }
}

async function runRound(
  seed: number,
  redis: boolean,
  tell: (line: string) => void,
): Promise<RandomFaultsReport['rounds'][number]> {
  const backend = redis ? 'redis' : 'postgres'
  const stack = await startProcessStack({ redis, workers: 2, wires: true, leaseSeconds: LEASE_SECONDS })
  try {
    const load = await startLoad(stack, `round ${seed}`, GENERATOR_STEPS)
    let isOpen = true
    const struck = strikeRepeatedly(stack, seededRandom(seed), {
      faults: disturbances,
      count: () => isOpen,
      pauseMs: [500, 6000],
      tell: (line) => tell(`seed ${seed} ${backend}: ${line}`),
    })
    const ended = (async () => {
      await load.submit(JOBS_PER_ROUND, seededRandom(seed + 1))
      await load.settle(SETTLE_MS)
    })()
    await ended.finally(() => (isOpen = false))
    const faults = countByName(await struck)
    // The last fault may have come after the last job's end.
    await load.settle(SETTLE_MS)
    return { seed, backend, jobs: JOBS_PER_ROUND, faults, violations: (await judge(stack, load)).violations }
  } finally {
    await stack.stop()
  }
}
