import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import {
  aCheckpoint,
  aPoint,
  aSample,
  claim,
  openTestDatabase,
  postgresOnly,
  submit,
  type TestDatabase,
} from '../tests/fixtures.js'
import {
  addCheckpoint,
  addSample,
  type Database,
  finishAttempt,
  getCheckpoint,
  listCheckpoints,
  newestCheckpoint,
  quarantineCheckpoint,
  retireCheckpoints,
  rollbackCurve,
  setPinned,
  unreferencedKeys,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const start = async () => {
  const job = await submit(db)
  return { job, fence: (await claim(db, job)).fence }
}
const stepsOf = async (jobId: string) =>
  (await listCheckpoints(db, jobId, { limit: 100 })).items.map(({ step }) => step).toReversed()
/** Checkpoints at `steps` with one point each; `value` gives the Wasserstein estimate. */
async function withCheckpoints(steps: number[], value: (step: number) => number = () => 1) {
  const { job, fence } = await start()
  const added = []
  for (const step of steps) added.push(await addCheckpoint(db, fence, aCheckpoint(step, [aPoint(step, value(step))])))
  return { job, fence, added }
}

/** Falls to 0 at step 50 and rises again. */
const dip = (step: number) => Math.abs(step - 50)

describe('retention', () => {
  test('keeps the first checkpoint at or after each multiple, however far training goes on', async () => {
    const { job, fence } = await withCheckpoints([])
    for (let step = 40; step <= 1000; step += 40) {
      await addCheckpoint(db, fence, aCheckpoint(step))
      await retireCheckpoints(db, fence, { keep: 2, keepEvery: 300 })
    }

    expect(await stepsOf(job.id)).toEqual([320, 600, 920, 960, 1000])
  })

  test('keeps the best by the median of the points up to each, the lowest or the highest', async () => {
    const lowest = await withCheckpoints([10, 20, 30, 40, 50, 60, 70, 80], dip)
    const highest = await withCheckpoints([10, 20, 30, 40, 50, 60, 70, 80], dip)

    await retireCheckpoints(db, lowest.fence, { keep: 1, keepBest: { metric: 'w_estimate', goal: 'min', count: 2 } })
    await retireCheckpoints(db, highest.fence, { keep: 1, keepBest: { metric: 'w_estimate', goal: 'max', count: 1 } })

    // The medians are 40 35 30 25 20 15 20 20; of equal ones the newest counts.
    expect((await getCheckpoint(db, lowest.added[7]!.id))?.medians.w_estimate).toBe(20)
    expect(await stepsOf(lowest.job.id)).toEqual([60, 80])
    expect(await stepsOf(highest.job.id)).toEqual([10, 80])
  })

  test('medians count finite values only, and a checkpoint without any is never the best', async () => {
    const { job, fence, added } = await withCheckpoints([1, 2], () => Number.NaN)
    await addCheckpoint(db, fence, aCheckpoint(3, [aPoint(3, 5)]))
    await addCheckpoint(db, fence, aCheckpoint(4))

    expect((await getCheckpoint(db, added[0]!.id))!.medians).toEqual({
      w_estimate: null,
      critic_loss: null,
      gen_loss: null,
      critic_real: null,
      critic_fake: null,
    })
    await retireCheckpoints(db, fence, { keep: 1, keepBest: { metric: 'w_estimate', goal: 'min', count: 3 } })

    expect(await stepsOf(job.id)).toEqual([3, 4])
  })

  test('a pinned checkpoint stays until it is unpinned; pinning twice changes nothing', async () => {
    const { job, fence, added } = await withCheckpoints([1, 2, 3])
    await setPinned(db, added[0]!.id, true)
    expect(await setPinned(db, added[0]!.id, true)).toMatchObject({ step: 1, pinned: true })

    await retireCheckpoints(db, fence, { keep: 1 })
    expect(await stepsOf(job.id)).toEqual([1, 3])
    await setPinned(db, added[0]!.id, false)
    await retireCheckpoints(db, fence, { keep: 1 })

    expect(await stepsOf(job.id)).toEqual([3])
    await expect(setPinned(db, added[0]!.id, true)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('F24: what damaged checkpoints were best at or first in does not keep them, and the resume checkpoint always stays', async () => {
    const { job, fence, added } = await withCheckpoints([100, 200, 300])
    for (const { id } of added.slice(1)) await quarantineCheckpoint(db, fence, { id, fault: 'it is damaged' })

    await retireCheckpoints(db, fence, {
      keep: 1,
      keepEvery: 100,
      keepBest: { metric: 'w_estimate', goal: 'min', count: 3 },
    })

    expect(await stepsOf(job.id)).toEqual([100])
    expect((await newestCheckpoint(db, job.id))?.step).toBe(100)
  })

  test('of one step the newest attempt counts', async () => {
    const { job, fence } = await withCheckpoints([100, 200])
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await rollbackCurve(db, second.fence, 100)
    for (const step of [200, 300, 400]) await addCheckpoint(db, second.fence, aCheckpoint(step))

    await retireCheckpoints(db, second.fence, { keep: 1, keepEvery: 200 })

    const left = (await listCheckpoints(db, job.id, { limit: 10 })).items
    expect(left.map(({ step, attempt }) => [step, attempt])).toEqual([
      [400, 2],
      [200, 2],
    ])
  })
})

test('F22: keys that no row names are told from those of samples and checkpoints', async () => {
  const { fence } = await start()
  const [checkpoint, sample] = [aCheckpoint(1), aSample(1)]
  await addCheckpoint(db, fence, checkpoint)
  await addSample(db, fence, sample)

  expect(await unreferencedKeys(db, [checkpoint.key, 'jobs/x/checkpoints/y', sample.key])).toEqual([
    'jobs/x/checkpoints/y',
  ])
})
