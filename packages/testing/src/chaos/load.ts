import { setTimeout as sleep } from 'node:timers/promises'
import { terminalStates } from '@kantor/contracts'
import type { ProcessStack } from '../stack/process-stack.js'
import { smallJob, type SmallJob, smallJobs } from '../stack/small-jobs.js'
import { weightsHash } from '../weights-hash.js'
import type { Random } from './random.js'

/** The jobs that a client hands in and never gives up on, whatever answers it gets. */
export interface Load {
  /** By job: the weights that its undisturbed twin ended with. */
  readonly golden: Map<string, string>
  readonly acknowledged: Set<string>
  /** Submits jobs one after another, with pauses; each again and again under one key until it is acknowledged. */
  submit(numJobs: number, random: Random): Promise<void>
  /** Resolves when no job is left that is not in a terminal state; rejects after `withinMs`. */
  settle(withinMs: number): Promise<void>
}

const kinds = Object.keys(smallJobs) as SmallJob[]

/** Runs each kind of job once, undisturbed, to know how it ends. `label` keeps the keys of several loads apart. */
export async function startLoad(stack: ProcessStack, label: string, generatorSteps: number): Promise<Load> {
  const golden = new Map<string, string>()
  const acknowledged = new Set<string>()
  const { dataset, db, store, url } = stack

  const post = async (name: string, kind: SmallJob) => {
    const id = await postUntilAcknowledged(url, name, smallJob({ name, dataset, kind, generatorSteps }))
    acknowledged.add(id)
    return id
  }
  const settle = async (withinMs: number) => {
    const deadline = performance.now() + withinMs
    while ((await numOpen(stack)) > 0) {
      if (performance.now() > deadline)
        throw new Error(`${await numOpen(stack)} jobs have not come to an end within ${withinMs / 1000} s`)
      await sleep(200)
    }
  }

  const expected = new Map<SmallJob, string>()
  for (const kind of kinds) {
    const id = await post(`${label} undisturbed ${kind}`, kind)
    await settle(600_000)
    const { rows } = await db.pool.query<{ key: string }>(
      `SELECT key FROM checkpoint JOIN job ON job.id = job_id
       WHERE job_id = $1 AND state = 'succeeded' ORDER BY checkpoint.epoch DESC, step DESC LIMIT 1`,
      [id],
    )
    if (!rows[0]) throw new Error(`the undisturbed ${kind} job did not succeed`)
    expected.set(kind, weightsHash(await store.getBytes(rows[0].key)))
  }

  return {
    golden,
    acknowledged,
    settle,
    async submit(numJobs, random) {
      for (let i = 1; i <= numJobs; i += 1) {
        const kind = random.pick(kinds)
        const id = await post(`${label} ${i}`, kind)
        golden.set(id, expected.get(kind)!)
        await sleep(random.between(0, 500))
      }
    },
  }
}

async function numOpen({ db }: ProcessStack): Promise<number> {
  try {
    const { rows } = await db.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM job WHERE state <> ALL($1)', [
      terminalStates,
    ])
    return rows[0]!.n
  } catch {
    // The database may be the victim at this moment.
    return Infinity
  }
}

async function postUntilAcknowledged(url: string, key: string, body: unknown): Promise<string> {
  for (;;) {
    try {
      const reply = await fetch(`${url}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key.replaceAll(' ', '-') },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      })
      const answer = (await reply.json()) as { id?: string; detail?: string }
      if (reply.ok && answer.id !== undefined) return answer.id
      // Too early or too late, but never wrong.
      if (reply.status < 500 && reply.status !== 409 && reply.status !== 429)
        throw new Refused(`POST /jobs: ${reply.status} ${answer.detail ?? ''}`)
    } catch (error) {
      if (error instanceof Refused) throw error
    }
    await sleep(200)
  }
}

class Refused extends Error {
  override name = 'Refused'
}
