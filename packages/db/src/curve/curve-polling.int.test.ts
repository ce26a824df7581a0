import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CurveQuery, type CurvePoint, type CurveQueryInput, isMetricSeries, type Job } from '@kantor/contracts'
import fc from 'fast-check'
import { startServices } from '@kantor/testing'
import { aPoint, claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../../tests/fixtures.js'
import { contentOf, expectedBuckets, HeldCurve } from '../../tests/held-curve.js'
import { appendPoints, type Database, type Fence, finishAttempt, readCurve, rollbackCurve } from '../index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

/** A job whose curve is written as a worker would, beside a plain list of the points that must be in it. */
class Run {
  readonly job: Job
  points: CurvePoint[] = []
  fence: Fence

  constructor(job: Job, fence: Fence) {
    this.job = job
    this.fence = fence
  }

  static async start(): Promise<Run> {
    const job = await submit(db)
    return new Run(job, (await claim(db, job)).fence)
  }

  get lastStep(): number {
    return this.points.reduce((last, point) => Math.max(last, point.step), 0)
  }

  async append(points: CurvePoint[]): Promise<void> {
    await appendPoints(db, this.fence, points)
    this.points.push(...points)
  }

  async resumeAt(step: number): Promise<void> {
    await finishAttempt(db, this.fence, { to: 'queued', reason: 'preempted' })
    this.fence = (await claim(db, this.job)).fence
    await rollbackCurve(db, this.fence, step)
    this.points = this.points.filter((point) => point.step <= step)
  }

  /** A new attempt that writes some steps again without having rolled back. */
  async overwrite(points: CurvePoint[]): Promise<void> {
    await finishAttempt(db, this.fence, { to: 'queued', reason: 'preempted' })
    this.fence = (await claim(db, this.job)).fence
    const steps = new Set(points.map((point) => point.step))
    this.points = this.points.filter((point) => !steps.has(point.step))
    await this.append(points)
  }
}

class Reader {
  readonly held = new HeldCurve()
  readonly query: CurveQueryInput

  constructor(query: CurveQueryInput) {
    this.query = query
  }

  read(run: Run, cursor: { sinceSeq?: number | undefined; resolution?: number | undefined }) {
    return readCurve(db, run.job.id, { ...CurveQuery.parse(this.query), ...cursor })
  }

  async poll(run: Run): Promise<void> {
    this.held.take(await this.read(run, this.held.cursor))
  }

  /** Held after a last poll = one full read at once = what the raw points say. */
  async check(run: Run): Promise<void> {
    await this.poll(run)
    const full = await this.read(run, {})
    const query = CurveQuery.parse(this.query)
    expect(full.resolution).toBe(this.held.resolution)
    expect(this.held.content).toEqual(contentOf(full))
    for (const name of query.metrics) {
      if (isMetricSeries(name)) continue
      const buckets = contentOf(full)[name]!
      const { from, to, smooth } = query
      const expected = expectedBuckets(run.points, name, full.resolution, { from, to }, smooth?.size ?? null)
      expect(buckets).toEqual(expected.map((bucket, i) => ({ ...bucket, mean: buckets[i]?.['mean'] })))
      for (const { min, mean, max } of buckets as { min: number; mean: number; max: number }[]) {
        expect(mean === null ? min : min <= mean && mean <= max).toBe(mean === null ? null : true)
      }
    }
  }
}

const value = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }).map((number) => Math.fround(number / 8) + 0),
  },
  { weight: 2, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
)
/** So many points that chunks are closed, opened again and closed again. */
const stretch = fc.record({
  seed: fc.nat(),
  length: fc.integer({ min: 300, max: 1500 }),
  gap: fc.constantFrom(1, 1, 1, 40, 3000),
})
const longAction = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('stretch' as const), stretch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), back: fc.nat(4000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('overwrite' as const),
      back: fc.nat(4000),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('poll' as const), reader: fc.nat(4) }) },
)
const noise = (seed: number, i: number) => {
  const number = Math.fround(Math.sin(seed + i * 12.9898) * 43758.5453)
  return i % 397 === 396 ? [NaN, Infinity, -Infinity][seed % 3]! : number
}

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      values: fc.array(value, { minLength: 1, maxLength: 12 }),
      gap: fc.constantFrom(1, 1, 1, 1, 7),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), back: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('overwrite' as const),
      back: fc.nat(20),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('poll' as const), reader: fc.nat(3) }) },
)

describe('polling a curve', () => {
  test('by cursor always ends with what one full read gives, whatever is appended, rolled back and polled in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 25 }), async (actions) => {
        const run = await Run.start()
        const readers = [
          new Reader({ maxPoints: '10' }),
          new Reader({ metrics: 'w_estimate', smooth: 'median:5' }),
          new Reader({ metrics: 'w_estimate,critic_fake', smooth: 'median:9', maxPoints: '7', from: '5', to: '40' }),
          new Reader({ metrics: 'gen_loss', from: '3', maxPoints: '1' }),
        ]
        for (const act of actions) {
          if (act.kind === 'poll') await readers[act.reader]!.poll(run)
          else if (act.kind === 'resume') await run.resumeAt(Math.max(0, run.lastStep - act.back))
          else {
            const first = act.kind === 'append' ? run.lastStep + act.gap : Math.max(1, run.lastStep - act.back)
            const points = act.values.map((number, i) => aPoint(first + i, number))
            await (act.kind === 'append' ? run.append(points) : run.overwrite(points))
          }
        }
        for (const reader of readers) await reader.check(run)
      }),
      { numRuns: 40 },
    )
  })

  test('does so over closed chunks too, through every level that a curve of some thousand steps has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(longAction, { minLength: 4, maxLength: 14 }), async (actions) => {
        const run = await Run.start()
        const readers = [
          new Reader({ metrics: 'w_estimate', smooth: 'median:101', maxPoints: '5' }),
          new Reader({ metrics: 'w_estimate,gen_loss', smooth: 'median:101', maxPoints: '100' }),
          new Reader({ metrics: 'w_estimate', smooth: 'median:101', maxPoints: '40', from: '1000', to: '2500' }),
          new Reader({ metrics: 'gen_loss', smooth: 'median:9', maxPoints: '30' }),
          new Reader({ metrics: 'w_estimate', maxPoints: '2', from: '33' }),
        ]
        for (const act of actions) {
          if (act.kind === 'poll') await readers[act.reader]!.poll(run)
          else if (act.kind === 'resume') await run.resumeAt(Math.max(0, run.lastStep - act.back))
          else if (act.kind === 'stretch') {
            const { seed, length, gap } = act.stretch
            const first = run.lastStep + gap
            await run.append(Array.from({ length }, (_, i) => aPoint(first + i, noise(seed, i))))
          } else {
            const first = Math.max(1, run.lastStep - act.back)
            await run.overwrite(act.values.map((number, i) => aPoint(first + i, number)))
          }
        }
        for (const reader of readers) await reader.check(run)
      }),
      { numRuns: 15 },
    )
  })

  test('while several flushes of one attempt commit at the same time misses none of them', async () => {
    const run = await Run.start()
    const reader = new Reader({ metrics: 'w_estimate' })
    const done = new AbortController()

    const polls = (async () => {
      while (!done.signal.aborted) await reader.poll(run)
    })()
    for (let round = 0; round < 8; round++) {
      const flushes = [0, 1, 2, 3].map((part) =>
        Array.from({ length: 25 }, (_, i) => aPoint(round * 100 + part * 25 + i + 1, i)),
      )
      await Promise.all(flushes.map((points) => run.append(points)))
    }
    done.abort()
    await polls

    await reader.check(run)
    expect(reader.held.content['w_estimate']).toHaveLength(800)
  })

  test('sends nothing but marks when nothing happened, and only touched buckets when something did', async () => {
    const run = await Run.start()
    await run.append(Array.from({ length: 100 }, (_, i) => aPoint(i + 1, i)))
    const reader = new Reader({ metrics: 'w_estimate', maxPoints: '20' })
    await reader.poll(run)
    expect(reader.held.resolution).toBe(8)

    expect((await reader.read(run, reader.held.cursor)).series.w_estimate?.x).toEqual([])
    await run.append([aPoint(101, 5), aPoint(102, 6)])
    const reply = await reader.read(run, reader.held.cursor)

    expect(reply.reset).toBeNull()
    expect(reply.series.w_estimate).toMatchObject({ x: [96], n: [7], last: [6] })
  })

  test('coarsens with a reset when the range no longer fits, and keeps a coarser resolution that was asked for', async () => {
    const run = await Run.start()
    await run.append([aPoint(1, 1), aPoint(2, 2)])
    const reader = new Reader({ metrics: 'w_estimate', maxPoints: '4' })
    await reader.poll(run)
    await run.append(Array.from({ length: 20 }, (_, i) => aPoint(i + 3, i)))

    const reply = await reader.read(run, reader.held.cursor)

    expect(reply).toMatchObject({ resolution: 8, reset: { fromStep: 0 } })
    expect(reply.series.w_estimate?.x).toEqual([0, 8, 16])
    expect((await reader.read(run, { resolution: 16 })).resolution).toBe(16)
  })

  test('a rollback changes the medians before it too', async () => {
    const run = await Run.start()
    await run.append(Array.from({ length: 20 }, (_, i) => aPoint(i + 1, i * i)))
    const reader = new Reader({ metrics: 'w_estimate', smooth: 'median:9' })
    await reader.poll(run)
    await run.resumeAt(10)

    const reply = await reader.read(run, reader.held.cursor)

    expect(reply).toMatchObject({ reset: { fromStep: 11 }, series: { w_estimate: { x: [7, 8, 9, 10] } } })
    await reader.check(run)
  })

  test('starts anew for a cursor that this database never gave out', async () => {
    const run = await Run.start()
    await run.append([aPoint(1, 1), aPoint(2, 2)])

    const reply = await new Reader({}).read(run, { sinceSeq: 999, resolution: 1 })

    expect(reply.reset).toEqual({ fromStep: 0 })
    expect(reply.series.w_estimate?.x).toEqual([1, 2])
  })
})
