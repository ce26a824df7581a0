import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startServices } from '@kantor/testing'
import { claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import {
  appendLog,
  countDroppedLines,
  type Database,
  FencedError,
  finishAttempt,
  type NewLogLine,
  readLog,
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
const line = (text: string, level: NewLogLine['level'] = 'info'): NewLogLine => ({
  ageMs: 0,
  level,
  source: 'stderr',
  text,
})
const textsOf = async (jobId: string, options: Partial<Parameters<typeof readLog>[2]> = {}) =>
  (await readLog(db, jobId, { tail: 2000, ...options })).map(({ text }) => text)

describe('the log of an attempt', () => {
  test('is read oldest first: its tail, what came after a cursor, one level, one text', async () => {
    const { job, fence } = await start()
    await appendLog(db, fence, [line('Loading'), line('E: out of 100% memory', 'error'), line('debug', 'debug')])
    await appendLog(db, fence, [line('one more', 'warn')])

    expect(await textsOf(job.id)).toEqual(['Loading', 'E: out of 100% memory', 'debug', 'one more'])
    expect(await textsOf(job.id, { tail: 2 })).toEqual(['debug', 'one more'])
    expect(await textsOf(job.id, { level: 'warn' })).toEqual(['E: out of 100% memory', 'one more'])
    // What stands for anything in a pattern stands for itself.
    expect(await textsOf(job.id, { q: 'OF 100%' })).toEqual(['E: out of 100% memory'])
    expect(await textsOf(job.id, { q: '%' })).toEqual(['E: out of 100% memory'])
    const [first] = await readLog(db, job.id, { tail: 2000 })
    expect(await textsOf(job.id, { after: first!.id, tail: 1 })).toEqual(['E: out of 100% memory', 'debug', 'one more'])
    expect(first).toMatchObject({ attempt: 1, level: 'info', source: 'stderr' })
  })

  test('keeps its first and its newest lines, and counts the rest', async () => {
    const { job, fence } = await start()
    for (let batch = 0; batch < 5; batch++)
      await appendLog(
        db,
        fence,
        Array.from({ length: 500 }, (_, i) => line(`line ${batch * 500 + i}`)),
      )
    await appendLog(db, fence, [line('last')], 7)

    const texts = await textsOf(job.id)
    expect(texts).toHaveLength(1100)
    expect([texts[0], texts[99], texts[100], texts.at(-1)]).toEqual(['line 0', 'line 99', 'line 1501', 'last'])
    expect(await countDroppedLines(db, job.id)).toBe(2501 - 1100 + 7)
  })

  test('stays apart from that of other attempts, and an attempt that lost the job adds nothing', async () => {
    const { job, fence } = await start()
    await appendLog(db, fence, [line('first attempt')], 3)
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await appendLog(db, second.fence, [line('second attempt')])

    await expect(appendLog(db, fence, [line('too late')])).rejects.toThrow(FencedError)

    expect(await textsOf(job.id)).toEqual(['first attempt', 'second attempt'])
    expect(await textsOf(job.id, { attempt: 2 })).toEqual(['second attempt'])
    expect(await countDroppedLines(db, job.id, 2)).toBe(0)
    expect(await countDroppedLines(db, job.id)).toBe(3)
  })

  test('tells when a line was seen, by the clock of the database', async () => {
    const { job, fence } = await start()

    await appendLog(db, fence, [{ ...line('old'), ageMs: 60_000 }, line('new')])

    const [old, recent] = await readLog(db, job.id, { tail: 10 })
    // The database reads its clock line by line.
    expect(Math.abs(Date.parse(recent!.at) - Date.parse(old!.at) - 60_000)).toBeLessThan(1000)
  })
})
