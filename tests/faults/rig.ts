import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, type Job } from '@kantor/contracts'
import {
  checkInvariants,
  childrenOf,
  isOnPath,
  type ProcessStack,
  type ServiceProcess,
  smallJob,
  type SmallJob,
  weightsHash,
} from '@kantor/testing'
import { expect } from '@jest/globals'

/** `npm run test:faults`: outages and waits as long as the fault matrix says, with the lease that production has. */
export const isFull = process.env['KANTOR_FAULTS'] === 'full'

export const LIMIT_MS = isFull ? 600_000 : 180_000

/** Where tickets may lie. */
export const backends = (['postgres', 'redis'] as const).filter((name) => {
  const isThere = name === 'postgres' || isOnPath('redis-server')
  if (!isThere)
    console.warn('NOT TESTED ON REDIS: redis-server is not on the PATH (Debian: apt-get install redis-server)')
  return isThere
})

/** Looks ten times a second; the test's own time limit ends it. */
export async function until<T>(
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  for (;;) {
    const found = await look()
    if (found) return found
    await sleep(100)
  }
}

/** Of these workers the one that trains; a job may be over before another could be started, so both are there first. */
export function splitByWork(workers: ServiceProcess[]): { busy: ServiceProcess; idle: ServiceProcess } {
  const busy = workers.find(({ pid }) => pid !== undefined && childrenOf(pid).length > 0)
  const idle = workers.find((worker) => worker !== busy)
  if (!busy || !idle) throw new Error('no worker trains')
  return { busy, idle }
}

/** Steps of a job that is struck: some seconds of training. */
const STEPS = 400

/** Jobs of one spec on one stack, all of which must end with the bits of the first, which nobody disturbed. */
export class Victims {
  readonly #stack: ProcessStack
  readonly #golden = new Map<string, string>()
  readonly #acknowledged: string[] = []
  #expected = ''

  constructor(stack: ProcessStack) {
    this.#stack = stack
  }

  async undisturbed(): Promise<void> {
    const { id } = await this.submit('undisturbed')
    await this.end(id)
    this.#expected = await this.weights(id)
    for (const job of this.#acknowledged) this.#golden.set(job, this.#expected)
  }

  async submit(
    name: string,
    changes: { kind?: SmallJob; generatorSteps?: number; checkpointEvery?: number } = {},
  ): Promise<Job> {
    const { client, dataset } = this.#stack
    const job = await client.createJob({ body: smallJob({ name, dataset, generatorSteps: STEPS, ...changes }) })
    this.#acknowledged.push(job.id)
    if (changes.kind === undefined && changes.generatorSteps === undefined && this.#expected !== '')
      this.#golden.set(job.id, this.#expected)
    return job
  }

  /** Read from the database: the API may be the victim. */
  async look(
    id: string,
  ): Promise<{ state: Job['state']; reason: string; epoch: number; crashes: number; checkpoints: number }> {
    const { rows } = await this.#stack.db.pool.query(
      `SELECT state, reason, epoch, crashes, (SELECT count(*)::int FROM checkpoint WHERE job_id = job.id) AS checkpoints
       FROM job WHERE id = $1`,
      [id],
    )
    return rows[0]
  }

  /** Training, with something to resume from. */
  async underway(id: string): Promise<void> {
    await until(async () => {
      const { state, checkpoints } = await this.look(id)
      if (isTerminal(state)) throw new Error(`the job ended (${state}) before it could be struck`)
      return state === 'running' && checkpoints > 0
    })
  }

  async end(id: string): Promise<void> {
    await until(async () => isTerminal((await this.look(id)).state))
    expect(await this.look(id)).toMatchObject({ state: 'succeeded', reason: 'budget_reached' })
  }

  async weights(id: string): Promise<string> {
    const { rows } = await this.#stack.db.pool.query<{ key: string }>(
      'SELECT key FROM checkpoint WHERE job_id = $1 ORDER BY epoch DESC, step DESC LIMIT 1',
      [id],
    )
    return weightsHash(await this.#stack.store.getBytes(rows[0]!.key))
  }

  /** All of them, at the end of each test. */
  async expectInvariants(): Promise<void> {
    const { db, store } = this.#stack
    const options = { acknowledged: this.#acknowledged, settled: true, bitwise: true, golden: this.#golden }
    expect(await checkInvariants(db, store, options)).toEqual([])
  }
}
