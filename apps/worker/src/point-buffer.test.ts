import { EventEmitter, once } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import type { CurvePoint } from '@kantor/contracts'
import { PointBuffer } from './point-buffer.js'

const points = (from: number, to: number): CurvePoint[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    criticStep: 5 * (from + i),
    values: new Float32Array(5),
  }))
const stepsOf = (batch: readonly CurvePoint[]) => batch.map(({ step }) => step)
const failIfCalled = (error: unknown) => {
  throw error
}

describe('PointBuffer', () => {
  test('writes in order, a thousand at a time, and nothing twice', async () => {
    const written: number[][] = []
    const buffer = new PointBuffer(async (batch) => void written.push(stepsOf(batch)), failIfCalled)

    await buffer.push(points(1, 600))
    await buffer.push(points(601, 2500))
    await buffer.push(points(2501, 2502))
    await buffer.flush()
    buffer.close()

    expect(written.map((batch) => batch.length)).toEqual([1000, 1000, 500, 2])
    expect(written.flat()).toEqual(stepsOf(points(1, 2502)))
  })

  test('writes by itself when nobody pushes any more', async () => {
    const written = await new Promise<number[]>((resolve) => {
      const buffer = new PointBuffer(async (batch) => resolve(stepsOf(batch)), failIfCalled)
      void buffer.push(points(1, 3))
    })

    expect(written).toEqual([1, 2, 3])
  })

  test('a full buffer holds its pusher until the write is done', async () => {
    const database = new EventEmitter()
    const buffer = new PointBuffer(async () => void (await once(database, 'written')), failIfCalled)
    let room = false
    const pushed = buffer.push(points(1, 1000)).then(() => (room = true))

    await new Promise((resolve) => setImmediate(resolve))
    expect(room).toBe(false)
    database.emit('written')
    await pushed

    expect(room).toBe(true)
  })

  test('a commit takes exactly the points up to its step, and later ones are written after it', async () => {
    const log: (string | number)[] = []
    const buffer = new PointBuffer(async (batch) => void log.push(...stepsOf(batch)), failIfCalled)

    await buffer.push(points(1, 5))
    const commit = buffer.commitThrough(3, async (batch) => void log.push('commit', ...stepsOf(batch), 'done'))
    await buffer.push(points(6, 6))
    await Promise.all([commit, buffer.flush()])
    buffer.close()

    expect(log).toEqual(['commit', 1, 2, 3, 'done', 4, 5, 6])
  })

  test('after a failed write nothing later is written', async () => {
    const written: number[] = []
    const buffer = new PointBuffer(
      async (batch) => {
        if (batch[0]!.step === 1) throw new Error('fenced')
        written.push(...stepsOf(batch))
      },
      () => {},
    )

    await buffer.push(points(1, 2))
    await expect(buffer.flush()).rejects.toThrow('fenced')
    await buffer.push(points(3, 4))
    await expect(buffer.flush()).rejects.toThrow('fenced')
    await expect(buffer.commitThrough(4, async () => {})).rejects.toThrow('fenced')
    buffer.close()

    expect(written).toEqual([])
  })
})
