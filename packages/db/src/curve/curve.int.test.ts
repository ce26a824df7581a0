import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CurveQuery, type CurveQueryInput, lossNames, toWire } from '@kantor/contracts'
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
} from '../../tests/fixtures.js'
import {
  addCheckpoint,
  addSample,
  appendPoints,
  askJob,
  type Database,
  eachPoint,
  FencedError,
  finishAttempt,
  markRunning,
  quarantineCheckpoint,
  readCurve,
  rollbackCurve,
} from '../index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

const read = (jobId: string, query: CurveQueryInput = {}) => readCurve(db, jobId, CurveQuery.parse(query))
const start = async () => {
  const job = await submit(db)
  return { job, fence: (await claim(db, job)).fence }
}

const everyHundred = (step: number) => (step % 100 === 0 ? step / 100 : undefined)
const measured = (step: number) => ({
  ...aPoint(step, step),
  diagnostics: {
    gen_gradient_norm: 2 * step,
    ...(everyHundred(step) !== undefined && { layer_slope: everyHundred(step)! }),
    ...(step === 700 && { overfit_gap: NaN }),
  },
})

describe('the curve', () => {
  test('keeps every float32 bit, not-a-numbers and infinities included', async () => {
    const { job, fence } = await start()
    const values = [0.1, -0, NaN, Infinity, -Infinity, 1.4e-45, -3.4028234663852886e38].map(Math.fround)
    await appendPoints(
      db,
      fence,
      values.map((value, i) => ({ step: i + 1, criticStep: 5, values: Float32Array.from(lossNames, () => value) })),
    )

    const stored: (number | undefined)[] = []
    await eachPoint(db, job.id, { names: ['w_estimate'], attempts: 'effective' }, (points) => {
      stored.push(...points.map((point) => point.values.get('w_estimate')))
    })
    expect(stored).toEqual(values)
    const { series } = await read(job.id, { metrics: lossNames.join(',') })
    for (const name of lossNames) {
      expect(series[name]?.last).toEqual([values[0], -0, 'NaN', 'Infinity', '-Infinity', values[5], values[6]])
      expect(series[name]?.min).toEqual([values[0], -0, null, null, null, values[5], values[6]])
      expect(series[name]?.bad).toEqual([0, 0, 1, 1, 1, 0, 0])
    }
  })

  test('series that are measured now and then have values where they were measured, and nothing elsewhere', async () => {
    const { job, fence } = await start()
    const steps = 2500
    // Flushes of one point among them: there a rare series has a value at every point.
    for (let from = 1; from <= steps;) {
      const size = from % 100 === 0 ? 1 : Math.min(70, 100 - (from % 100))
      await appendPoints(
        db,
        fence,
        Array.from({ length: size }, (_, i) => measured(from + i)),
      )
      from += size
    }
    const metrics = 'w_estimate,gen_gradient_norm,layer_slope,overfit_gap'
    const hundreds = Array.from({ length: steps / 100 }, (_, i) => 100 * (i + 1))

    const raw = (await read(job.id, { metrics, agg: 'none', maxPoints: '5000', smooth: 'median:301' })).series
    expect(raw.gen_gradient_norm!.last).toEqual(raw.w_estimate!.last.map((value) => 2 * Number(value)))
    expect(raw.layer_slope!.x).toEqual(hundreds)
    expect(raw.layer_slope!.last).toEqual(hundreds.map((step) => step / 100))
    expect(raw.layer_slope!.bad.every((count) => count === 0)).toBe(true)
    expect(raw.overfit_gap).toMatchObject({ x: [700], last: ['NaN'], bad: [1] })
    // A window of 301 points of the curve holds the two or three values that lie in it.
    expect(raw.layer_slope!.smooth!.slice(0, 3)).toEqual([1.5, 2, 3])

    const { series, resolution } = await read(job.id, { metrics, maxPoints: '40' })
    expect(resolution).toBe(64)
    expect(series.layer_slope!.x).toEqual([...new Set(hundreds.map((step) => Math.floor(step / 64) * 64))])
    expect(series.layer_slope!.n.reduce((sum, n) => sum + n, 0)).toBe(hundreds.length)

    // Closed chunks lie in one segment again, and hold nothing for the steps between.
    const { rows } = await db.pool.query<{ bytes: number; segments: number }>(
      `SELECT max(length(sparse))::int AS bytes, count(*)::int AS segments FROM curve_segment WHERE job_id = $1 AND last_step < 2048`,
      [job.id],
    )
    expect(rows[0]).toEqual({ segments: 2, bytes: 4 + 10 * 8 + 4 + 8 })
    const points: number[] = []
    await eachPoint(db, job.id, { names: ['layer_slope'], attempts: 'effective' }, (some) => {
      points.push(...some.flatMap(({ values }) => values.get('layer_slope') ?? []))
    })
    expect(points).toEqual(hundreds.map((step) => step / 100))
  })

  test('gives buckets their extremes, mean, last value and counts, apart from what is not finite', async () => {
    const { job, fence } = await start()
    await appendPoints(
      db,
      fence,
      [1, 5, NaN, 3, Infinity, 7, 2].map((value, i) => aPoint(i + 1, value)),
    )

    const { resolution, series } = await read(job.id, { maxPoints: '2', metrics: 'w_estimate' })

    expect(resolution).toBe(4)
    expect(series.w_estimate).toEqual({
      x: [0, 4],
      last: [NaN, 2].map((value) => (Number.isNaN(value) ? 'NaN' : value)),
      min: [1, 2],
      max: [5, 7],
      mean: [3, 4],
      n: [2, 3],
      bad: [1, 1],
      nonFinite: [
        { x: 0, nan: 1, posInf: 0, negInf: 0 },
        { x: 4, nan: 0, posInf: 1, negInf: 0 },
      ],
    })
  })

  test('cuts to from and to, and medians there still see their neighbours outside', async () => {
    const { job, fence } = await start()
    await appendPoints(
      db,
      fence,
      [9, 1, 8, 2, 7, 3].map((value, i) => aPoint(i + 1, value)),
    )

    const { series } = await read(job.id, { from: '2', to: '3', smooth: 'median:3', metrics: 'w_estimate' })

    expect(series.w_estimate).toMatchObject({ x: [2, 3], last: [1, 8], smooth: [8, 2] })
    const whole = await read(job.id, { smooth: 'median:3', metrics: 'w_estimate' })
    expect(whole.series.w_estimate?.smooth).toEqual([5, 8, 2, 7, 3, 5])
  })

  test('gives means, newest values, points, or the points that keep its shape', async () => {
    const { job, fence } = await start()
    const values = Array.from({ length: 3000 }, (_, i) => (i === 1234 ? 50 : i === 2222 ? -Infinity : Math.sin(i / 40)))
    await appendPoints(
      db,
      fence,
      values.map((value, i) => aPoint(i + 1, value)),
    )
    const w = async (query: CurveQueryInput) =>
      (await read(job.id, { metrics: 'w_estimate', ...query })).series.w_estimate!

    const whole = await w({ maxPoints: '50' })
    expect(await w({ maxPoints: '50', agg: 'mean' })).toEqual({ ...whole, last: [], min: [], max: [] })
    expect(await w({ maxPoints: '50', agg: 'last' })).toEqual({ ...whole, mean: [], min: [], max: [] })
    const points = await w({ agg: 'none', from: '1235', to: '2234' })
    expect(points.last).toEqual(values.slice(1234, 2234).map((value) => toWire(Math.fround(value))))
    await expect(w({ agg: 'none', from: '1235', to: '2235' })).rejects.toMatchObject({
      code: 'too-many-points',
      errors: [{ pointer: 'from' }, { pointer: 'to' }],
    })
    const shape = await w({ agg: 'lttb', maxPoints: '50' })
    expect(shape.x).toHaveLength(50)
    expect(shape.x).toEqual(shape.x.toSorted((a, b) => a - b))
    expect(shape.last).toContain(50)
    expect(values.map(Math.fround)).toEqual(expect.arrayContaining(shape.last))
  })

  test('smooths what is raw: a filter has the value that its definition gives', async () => {
    const { job, fence } = await start()
    const values = [3, NaN, 1, 4, 1, 5, 9, 2, 6]
    await appendPoints(
      db,
      fence,
      values.map((value, i) => aPoint(i + 1, value)),
    )
    const smooth = async (filter: string) =>
      (await read(job.id, { metrics: 'w_estimate', smooth: filter })).series.w_estimate?.smooth

    const around = (i: number, weight: (distance: number) => number) => {
      const finite = values.map((value, j) => [value, weight(j - i)] as const).filter(([value]) => !Number.isNaN(value))
      const total = finite.reduce((sum, [, share]) => sum + share, 0)
      return finite.reduce((sum, [value, share]) => sum + value * share, 0) / total
    }
    const close = (weight: (distance: number) => number) => values.map((_, i) => expect.closeTo(around(i, weight), 5))
    expect(await smooth('mean:3')).toEqual(close((distance) => (Math.abs(distance) <= 1 ? 1 : 0)))
    expect(await smooth('ema:0.5')).toEqual(close((distance) => (distance <= 0 ? 0.5 ** -distance : 0)))
    expect(await smooth('gauss:1.5')).toEqual(
      close((distance) => (Math.abs(distance) <= 6 ? Math.exp(-0.5 * (distance / 1.5) ** 2) : 0)),
    )
  })

  test('has the other axes beside its steps, through the pyramid too', async () => {
    const { job, fence } = await start()
    for (const first of [1, 1501]) {
      await appendPoints(
        db,
        fence,
        Array.from({ length: 1500 }, (_, i) => aPoint(first + i, i)),
      )
    }

    for (const maxPoints of ['3000', '20', '1']) {
      const { x, series, resolution } = await read(job.id, { x: 'critic_step', maxPoints })
      expect(x).toBe('critic_step')
      const ends = series.w_estimate!.x.map((step) => Math.min(3000, step + resolution - 1))
      expect(series.w_estimate!.at).toEqual(ends.map((step) => step * 5))
    }
    const seconds = (await read(job.id, { x: 'wall', maxPoints: '20' })).series.w_estimate!.at!
    expect(seconds.every((value) => value !== null && value >= 0 && value < 600)).toBe(true)
    expect(seconds).toEqual(seconds.toSorted((a, b) => a! - b!))
    const { batchSize } = job.spec
    const shown = (await read(job.id, { x: 'kimg', maxPoints: '20' })).series.w_estimate!
    expect(shown.at!.at(-1)).toBe((3000 * 5 * batchSize) / 1000)
    // Held for 100 s by an attempt that is over, and by this one from a second before its points on.
    await db.pool.query(
      `INSERT INTO attempt (job_id, epoch, worker_id, started_at, ended_at)
       SELECT job_id, 0, 'earlier', started_at - interval '200 s', started_at - interval '100 s' FROM attempt WHERE job_id = $1`,
      [job.id],
    )
    const held = (await read(job.id, { x: 'gpu_s', maxPoints: '20' })).series.w_estimate!.at!
    expect(held.every((value, i) => value! >= 100 && value! <= 101 + seconds[i]!)).toBe(true)
  })

  test('takes a flush twice without a trace, and keeps the first value of a step', async () => {
    const { job, fence } = await start()
    await appendPoints(db, fence, [aPoint(1, 1), aPoint(2, 2)])
    await appendPoints(db, fence, [aPoint(1, 1), aPoint(2, 99), aPoint(3, 3), aPoint(3, 4)])
    await appendPoints(db, fence, [])

    expect((await read(job.id)).series.w_estimate).toMatchObject({ x: [1, 2, 3], last: [1, 2, 3] })
  })

  test('lets no point of an older attempt in', async () => {
    const { job, fence } = await start()
    await appendPoints(db, fence, [aPoint(1, 1)])
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    await claim(db, job)

    await expect(appendPoints(db, fence, [aPoint(2, 2)])).rejects.toThrow(FencedError)
    await expect(rollbackCurve(db, fence, 0)).rejects.toThrow(FencedError)

    expect((await read(job.id)).series.w_estimate?.x).toEqual([1])
  })

  test('shows the newest attempt, and keeps what it replaced under its number', async () => {
    const { job, fence } = await start()
    await appendPoints(db, fence, [aPoint(1, 1), aPoint(2, 2), aPoint(3, 3)])
    await addSample(db, fence, aSample(3))
    await finishAttempt(db, fence, { to: 'queued', reason: 'preempted' })
    const second = await claim(db, job)
    await rollbackCurve(db, second.fence, 1)
    await appendPoints(db, second.fence, [aPoint(2, 20)])

    const reply = await read(job.id)

    expect(reply.series.w_estimate).toMatchObject({ x: [1, 2], last: [1, 20] })
    expect(reply.marks).toEqual([{ step: 1, type: 'rollback' }])
    const all = await read(job.id, { attempts: 'all', metrics: 'w_estimate' })
    expect(all.series.w_estimate).toEqual(reply.series.w_estimate)
    expect(all.superseded).toMatchObject([{ attempt: 1, series: { w_estimate: { x: [2, 3], last: [2, 3] } } }])
    const kept: [number, number][] = []
    await eachPoint(db, job.id, { names: [], attempts: 'all' }, (points) => {
      kept.push(...points.map(({ step, attempt }): [number, number] => [step, attempt]))
    })
    expect(kept).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
      [3, 1],
    ])
  })

  test('marks samples and good checkpoints, one per type and bucket, and step 0', async () => {
    const { job, fence } = await start()
    const points = Array.from({ length: 8 }, (_, i) => aPoint(i + 1, i))
    for (const step of [0, 4, 5]) await addSample(db, fence, aSample(step))
    await addCheckpoint(db, fence, aCheckpoint(8, points))
    const bad = await addCheckpoint(db, fence, aCheckpoint(6))
    await quarantineCheckpoint(db, fence, { id: bad.id, fault: 'it is damaged' })

    expect((await read(job.id)).marks).toEqual([
      { step: 0, type: 'sample' },
      { step: 4, type: 'sample' },
      { step: 5, type: 'sample' },
      { step: 8, type: 'checkpoint' },
    ])
    expect((await read(job.id, { resolution: '4' })).marks).toEqual([
      { step: 0, type: 'sample' },
      { step: 4, type: 'sample' },
      { step: 8, type: 'checkpoint' },
    ])
  })

  test('moves its cursor for everything that changes a reply, and is complete when the job is over', async () => {
    const { job, fence } = await start()
    const seen: number[] = []
    const look = async () => {
      const reply = await read(job.id)
      seen.push(reply.seq)
      return reply.complete
    }
    await look()
    await markRunning(db, fence)
    for (const change of [
      () => appendPoints(db, fence, [aPoint(1, 1)]),
      () => addSample(db, fence, aSample(1)),
      () => addCheckpoint(db, fence, aCheckpoint(1)),
    ]) {
      await change()
      expect(await look()).toBe(false)
    }
    await askJob(db, job.id, { verb: 'cancel', actor: 'user' })
    await finishAttempt(db, fence, { to: 'cancelled', reason: 'user' })

    expect(await look()).toBe(true)
    expect(new Set(seen).size).toBe(seen.length)
    expect([...seen].sort((a, b) => a - b)).toEqual(seen)
  })

  test('of a job without points is empty, of no job is not-found', async () => {
    const job = await submit(db)

    const reply = await read(job.id, { from: '10', to: '5', smooth: 'median:5' })

    expect(reply).toMatchObject({ resolution: 1, seq: 0, complete: false, reset: null, marks: [] })
    expect(reply.series.w_estimate).toEqual({ x: [], last: [], min: [], max: [], mean: [], n: [], bad: [], smooth: [] })
    await expect(read('00000000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('has medians of any length, and other filters of a million raw points at most', async () => {
    const { job, fence } = await start()
    await appendPoints(db, fence, [aPoint(1, 1), aPoint(3_000_000, 2)])
    expect((await read(job.id, { smooth: 'median:101' })).series.w_estimate?.smooth).toEqual([1.5, 1.5])

    // 977 chunks whose points say where in their chunk they are.
    const places = Float32Array.from({ length: 1024 }, (_, place) => place)
    await db.pool.query(
      `INSERT INTO curve_segment (job_id, epoch, first_step, last_step, num_points, first_seq, seq, series,
         first_critic_step, critic_runs, flush_steps, flush_times, "values")
       SELECT $1, 1, 1024 * chunk, 1024 * chunk + 1023, 1024, 2, 2, '{w_estimate}', 0, '{1023,5}', '{}', '{}', $2
       FROM generate_series(1, 977) AS chunk`,
      [job.id, Buffer.from(places.buffer)],
    )

    await expect(read(job.id, { smooth: 'median:99' })).rejects.toMatchObject({ code: 'too-many-points' })
    const near = await read(job.id, { smooth: 'median:1001', from: '1', to: '1000000', maxPoints: '100' })
    expect(near.resolution).toBe(16_384)
    // At the end of a chunk: 523 to 1023 on one side, 0 to 499 on the other.
    expect(near.series.w_estimate?.smooth?.[30]).toBe(523)
    const far = await read(job.id, { smooth: 'median:101' })
    expect(far.series.w_estimate?.smooth).toHaveLength(246)
    expect(far.series.w_estimate?.n.reduce((a, b) => a + b)).toBe(977 * 1024 + 2)
    expect(far.series.w_estimate?.max[0]).toBe(1023)
    // An absent series is absent, not a lot of NaN.
    expect(far.series.gen_loss).toMatchObject({ x: [0, 2_998_272], n: [1, 1], bad: [0, 0] })
  })
})
