import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { FencedError, type NewLogLine } from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { collectTrainerLog } from './trainer-log.js'

const log = createLogger({ logLevel: 'silent' }, 'test')

/** A log whose database is a list; `isDown` makes it fail. */
function aLog() {
  const database = { lines: [] as NewLogLine[], dropped: 0, numWrites: 0, failure: undefined as Error | undefined }
  const trainerLog = collectTrainerLog({
    log,
    write: async (lines, dropped) => {
      database.numWrites += 1
      if (database.failure) throw database.failure
      database.lines.push(...lines)
      database.dropped += dropped
    },
  })
  return { database, trainerLog, texts: () => database.lines.map(({ text }) => text) }
}

describe('collectTrainerLog', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  test('joins the pieces of a line, and writes in batches', async () => {
    const { database, trainerLog, texts } = aLog()

    trainerLog.output('stdout', 'one\ntw')
    trainerLog.output('stdout', 'o\r\nthree')
    await jest.advanceTimersByTimeAsync(1000)

    expect(texts()).toEqual(['one', 'two'])
    expect(database.numWrites).toBe(1)
    await trainerLog.close()
    expect(texts()).toEqual(['one', 'two', 'three'])
  })

  test('tells levels by TensorFlow’s letters, by the stream, and by what a line says', async () => {
    const { database, trainerLog } = aLog()

    trainerLog.output('stderr', '2026-01-31 12:00:00.123456: E tensorflow/core/x.cc:1] no\n')
    trainerLog.output('stderr', '2026-01-31 12:00:00.123456: I tensorflow/core/x.cc:1] yes\n')
    trainerLog.output('stderr', 'TypeError: x is not a function\nsomething\n')
    trainerLog.output('stdout', 'hello\n')
    await trainerLog.close()

    expect(database.lines.map(({ source, level }) => `${source} ${level}`)).toEqual([
      'stderr error',
      'stderr info',
      'stderr error',
      'stderr warn',
      'stdout info',
    ])
  })

  test('no secret, no control character and no endless line gets in', async () => {
    const { trainerLog, texts } = aLog()

    trainerLog.output('stderr', 'postgres://kantor:hunter2@host/db kantor_abc_defghijk\n')
    trainerLog.output('stderr', '\u001b[31mred\u001b[0m\u0000\n')
    trainerLog.output('stdout', 'x'.repeat(1_000_000))
    trainerLog.output('stdout', 'y')
    await trainerLog.close()

    expect(texts().slice(0, 2)).toEqual(['postgres://kantor:[redacted]@host/db kantor_[redacted]', 'red'])
    expect(
      texts()
        .slice(2)
        .map((text) => text.length),
    ).toEqual([1024, 1])
  })

  test('F34: while it cannot be written a bounded number of lines waits, the rest is counted, and all of it comes later', async () => {
    const { database, trainerLog, texts } = aLog()
    database.failure = new Error('the database is away')

    for (let n = 0; n < 5000; n++) trainerLog.output('stdout', `line ${n}\n`)
    await jest.advanceTimersByTimeAsync(10_000)
    expect(texts()).toEqual([])
    database.failure = undefined
    await jest.advanceTimersByTimeAsync(1000)

    expect(texts()).toHaveLength(1000)
    expect(texts().at(-1)).toBe('line 4999')
    expect(database.dropped).toBe(4000)
  })

  test('F34: its end does not wait for a database that hangs', async () => {
    const trainerLog = collectTrainerLog({ log, write: () => new Promise(() => {}) })
    trainerLog.add('trainer', 'info', 'a line')

    const closed = trainerLog.close()
    await jest.advanceTimersByTimeAsync(5000)

    await expect(closed).resolves.toBeUndefined()
  })

  test('an attempt that lost its job writes no more', async () => {
    const { database, trainerLog } = aLog()
    database.failure = new FencedError({ jobId: 'x', epoch: 1 })

    trainerLog.add('trainer', 'info', 'a line')
    await jest.advanceTimersByTimeAsync(1000)
    trainerLog.add('trainer', 'info', 'another')
    await jest.advanceTimersByTimeAsync(10_000)
    await trainerLog.close()

    expect(database.numWrites).toBe(1)
  })
})
