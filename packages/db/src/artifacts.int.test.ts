import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CurveQuery } from '@kantor/contracts'
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
  type Fence,
  FencedError,
  finishAttempt,
  getCheckpoint,
  getSample,
  listCheckpoints,
  listSamples,
  newestCheckpoint,
  quarantineCheckpoint,
  readCurve,
  retireCheckpoints,
  rollbackCurve,
} from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const unknownId = '00000000-0000-7000-8000-000000000000'
const start = async () => {
  const job = await submit(db)
  return { job, fence: (await claim(db, job)).fence }
}
const stepsOf = async (jobId: string) => (await listCheckpoints(db, jobId, { limit: 50 })).items.map(({ step }) => step)

async function pages(list: (cursor?: string) => Promise<{ items: { step: number }[]; nextCursor: string | null }>) {
  const steps: number[][] = []
  let cursor: string | undefined
  do {
    const page = await list(cursor)
    steps.push(page.items.map(({ step }) => step))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return steps
}

describe('samples', () => {
  test('are listed newest first, in pages, and found with their key', async () => {
    const { job, fence } = await start()
    const added = []
    for (const step of [0, 500, 1000, 1500]) added.push(await addSample(db, fence, aSample(step)))

    expect(await pages((cursor) => listSamples(db, job.id, { limit: 2, cursor }))).toEqual([
      [1500, 1000],
      [500, 0],
    ])
    const spread = async (density: number, range: { from?: number; to?: number } = {}) =>
      (await listSamples(db, job.id, { limit: 2, density, ...range })).items
    expect((await spread(2)).map(({ step }) => step)).toEqual([1500, 0])
    expect((await spread(3, { from: 1 })).map(({ step }) => step)).toEqual([1500, 1000, 500])
    expect(await spread(200)).toEqual(added.toReversed())
    expect((await spread(1, { to: 1000 })).map(({ step }) => step)).toEqual([1000])
    expect(await pages((cursor) => listSamples(db, job.id, { limit: 2, cursor, from: 500, to: 1000 }))).toEqual([
      [1000, 500],
    ])
    const found = await getSample(db, added[1]!.id)
    expect(found).toEqual({ ...added[1], key: expect.stringMatching(/^jobs\/test\/samples\//) })
    expect(found).toMatchObject({ attempt: 1, jobId: job.id, url: `/samples/${added[1]!.id}/download`, columns: 8 })
    expect(await getSample(db, unknownId)).toBeNull()
    await expect(listSamples(db, job.id, { limit: 2, cursor: 'bm8' })).rejects.toMatchObject({ code: 'invalid-cursor' })
  })

  test('are one per step and attempt, and those rolled back leave the list but not their link', async () => {
    const { job, fence } = await start()
    const first = await addSample(db, fence, aSample(500))
    expect(await addSample(db, fence, aSample(500))).toEqual(first)
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await rollbackCurve(db, second.fence, 0)
    const again = await addSample(db, second.fence, aSample(500))

    expect((await listSamples(db, job.id, { limit: 10 })).items).toEqual([again])
    expect((await getSample(db, first.id))?.id).toBe(first.id)
    await expect(addSample(db, fence, aSample(600))).rejects.toThrow(FencedError)
  })

  test('of an attempt that starts anew take the place of the same step of an earlier one, step 0 too', async () => {
    const { job, fence } = await start()
    const first = await addSample(db, fence, aSample(0))
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await rollbackCurve(db, second.fence, 0)
    const again = await addSample(db, second.fence, aSample(0))

    expect((await listSamples(db, job.id, { limit: 10 })).items).toEqual([again])
    expect((await getSample(db, first.id))?.attempt).toBe(1)
  })
})

describe('checkpoints', () => {
  test('bring the curve up to them in the same transaction', async () => {
    const { job, fence } = await start()
    const added = await addCheckpoint(db, fence, aCheckpoint(2, [aPoint(1, 1), aPoint(2, 2)]))

    expect(added).toMatchObject({ step: 2, attempt: 1, quarantined: false, url: `/checkpoints/${added.id}/download` })
    expect((await readCurve(db, job.id, CurveQuery.parse({}))).series.w_estimate?.x).toEqual([1, 2])
    expect((await getCheckpoint(db, added.id))?.key).toMatch(/^jobs\/test\/checkpoints\//)
    expect(await getCheckpoint(db, unknownId)).toBeNull()

    const older: Fence = { ...fence, epoch: 0 }
    await expect(addCheckpoint(db, older, aCheckpoint(3, [aPoint(3, 3)]))).rejects.toThrow(FencedError)
    expect((await readCurve(db, job.id, CurveQuery.parse({}))).series.w_estimate?.x).toEqual([1, 2])
  })

  test('a corrupt one is passed over for the one before it', async () => {
    const { job, fence } = await start()
    expect(await newestCheckpoint(db, job.id)).toBeNull()
    await addCheckpoint(db, fence, aCheckpoint(500))
    const newest = await addCheckpoint(db, fence, aCheckpoint(1000))
    expect((await newestCheckpoint(db, job.id))?.step).toBe(1000)

    await quarantineCheckpoint(db, fence, { id: newest.id, fault: 'it is damaged' })

    expect((await newestCheckpoint(db, job.id))?.step).toBe(500)
    expect(await stepsOf(job.id)).toEqual([1000, 500])
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const claimed = await claim(db, job)
    expect(claimed.resume?.step).toBe(500)
    expect(claimed.resume?.key).toBeDefined()
  })

  test('of the newest attempt count as newer than what an earlier one reached', async () => {
    const { job, fence } = await start()
    await addCheckpoint(db, fence, aCheckpoint(500))
    await addCheckpoint(db, fence, aCheckpoint(1500))
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await addCheckpoint(db, second.fence, aCheckpoint(1000))

    expect(await newestCheckpoint(db, job.id)).toMatchObject({ step: 1000, attempt: 2 })
  })

  test('retire but for the newest ones, quarantined ones first, the newest good one never', async () => {
    const { job, fence } = await start()
    const added = []
    for (const step of [1, 2, 3, 4, 5]) added.push(await addCheckpoint(db, fence, aCheckpoint(step)))
    await quarantineCheckpoint(db, fence, { id: added[4]!.id, fault: 'it is damaged' })

    const keys = await retireCheckpoints(db, fence, { keep: 3 })

    expect(keys).toHaveLength(2)
    expect(await stepsOf(job.id)).toEqual([4, 3, 2])
    expect(await retireCheckpoints(db, fence, { keep: 0 })).toHaveLength(2)
    expect(await stepsOf(job.id)).toEqual([4])
    expect(await retireCheckpoints(db, fence, { keep: 3 })).toEqual([])
    await expect(retireCheckpoints(db, { ...fence, epoch: 9 }, { keep: 1 })).rejects.toThrow(FencedError)
  })

  test('come in pages', async () => {
    const { job, fence } = await start()
    for (const step of [1, 2, 3]) await addCheckpoint(db, fence, aCheckpoint(step))

    expect(await pages((cursor) => listCheckpoints(db, job.id, { limit: 1, cursor }))).toEqual([[3], [2], [1]])
  })
})
