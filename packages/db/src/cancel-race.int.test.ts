import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { isTerminal, transitions } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import { openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  askJob,
  claimJob,
  type Database,
  type Fence,
  FencedError,
  finishAttempt,
  getJob,
  listEvents,
  markRunning,
  reconcile,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const INTERLEAVINGS = 1000
const AT_ONCE = 20
const seed = Number(process.env['KANTOR_TEST_SEED'] ?? 29)

/** A counter-based draw in [0, 1): a failure is told by its seed and its number. */
function draw(round: number, index: number): number {
  let x = Math.imul(seed ^ (round * 0x9e3779b1) ^ (index * 0x85ebca6b), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 15), 0x297a2d39)
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32
}
const pause = (round: number, index: number, longestMs = 4) =>
  new Promise((resolve) => setTimeout(resolve, Math.floor(draw(round, index) * longestMs)))

type Ending = 'succeeded' | 'failed' | 'queued'
const reasons = { succeeded: 'budget_reached', failed: 'diverged', queued: 'preempted' } as const

/** A worker's attempt with pauses between its writes: what its ending became, or how far it got. */
async function work(jobId: string, round: number, ending: Ending): Promise<string> {
  await pause(round, 1)
  const claimed = await claimJob(db, { jobId, workerId: `w${round}`, leaseSeconds: 60 })
  if (!claimed) return 'unclaimed'
  const fence: Fence = { jobId, epoch: claimed.epoch }
  try {
    await pause(round, 2)
    await markRunning(db, fence)
    await pause(round, 3)
    return (await finishAttempt(db, fence, { to: ending, reason: reasons[ending] })).state
  } catch (error) {
    if (error instanceof FencedError) return 'fenced'
    throw error
  }
}

async function interleave(round: number): Promise<string> {
  const { id } = await submit(db)
  const ending = (['succeeded', 'failed', 'queued'] as const)[round % 3]!
  const cancel = async () => {
    // Up to about as long as the whole attempt takes, so that it meets every part of it.
    await pause(round, 4, 120)
    return askJob(db, id, { verb: 'cancel', actor: 'user' }).then(
      (job) => job.state,
      (error: { code: string; currentState: string }) => `${error.code} ${error.currentState}`,
    )
  }
  const takeBack = async () => {
    // One round in four the lease runs out on the way, and the reconciler comes between.
    if (round % 4 !== 0) return
    await pause(round, 5)
    await db.pool.query(
      `UPDATE job SET lease_until = now() - interval '1 s' WHERE id = $1 AND lease_until IS NOT NULL`,
      [id],
    )
    await reconcile(db)
  }
  const [worked, cancelled] = await Promise.all([work(id, round, ending), cancel(), takeBack()])
  const job = (await getJob(db, id))!
  const events = await listEvents(db, id)
  const told = JSON.stringify({ seed, round, ending, worked, cancelled, events: events.map((event) => event.to) })

  // The events are one path of the table, in the order of the commits, with one end at most.
  expect([told, events.map((event) => event.seq)]).toEqual([told, events.map((_, i) => i + 1)])
  for (const [i, event] of events.slice(1).entries()) {
    expect([told, event.from]).toEqual([told, events[i]!.to])
    expect([told, transitions[event.from!].includes(event.to)]).toEqual([told, true])
  }
  expect([told, job.state]).toEqual([told, events.at(-1)!.to])
  expect([told, events.filter((event) => isTerminal(event.to)).length <= 1]).toEqual([told, true])

  // Who came first decides: a cancel that was answered ends in nothing but cancelled, one that was refused found the end before it.
  if (cancelled === 'cancelled' || cancelled === 'cancelling') expect([told, job.state]).toEqual([told, 'cancelled'])
  else expect([told, cancelled]).toEqual([told, `invalid-state ${job.state}`])
  if (worked === 'succeeded' || worked === 'failed') expect([told, job.state]).toEqual([told, worked])
  return `${worked} / ${cancelled}`
}

test('F29: a cancel that races claim, success, failure and preemption leaves one end, that of the first commit', async () => {
  const seen = new Map<string, number>()
  for (let first = 0; first < INTERLEAVINGS; first += AT_ONCE) {
    const rounds = Array.from({ length: AT_ONCE }, (_, i) => interleave(first + i))
    for (const outcome of await Promise.all(rounds)) seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
  }

  // The draw reached every kind of meeting, else the test would show nothing.
  for (const outcome of ['unclaimed / cancelled', 'cancelled / cancelling', 'succeeded / invalid-state succeeded']) {
    expect([outcome, (seen.get(outcome) ?? 0) > 0]).toEqual([outcome, true])
  }
  expect([...seen.keys()].some((outcome) => outcome.startsWith('queued / cancelled'))).toBe(true)
}, 300_000)
