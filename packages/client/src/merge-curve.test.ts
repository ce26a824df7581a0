import { describe, expect, test } from '@jest/globals'
import type { CurveReply, CurveSeries } from '@kantor/contracts'
import fc from 'fast-check'
import { mergeCurve } from './merge-curve.js'

const jobId = '0198c0de-0000-7000-8000-000000000001'

/** Values by step, bucketed as the API does; only the buckets that hold one of `steps`. */
function replyOf(
  values: Map<number, number>,
  steps: Iterable<number>,
  { resolution, seq, reset = null }: { resolution: number; seq: number; reset?: CurveReply['reset'] },
): CurveReply {
  const starts = [...new Set([...steps].map((step) => Math.floor(step / resolution) * resolution))].sort(
    (a, b) => a - b,
  )
  const series: CurveSeries = { x: [], last: [], min: [], max: [], mean: [], n: [], bad: [] }
  for (const x of starts) {
    const inside = Array.from({ length: resolution }, (_, i) => values.get(x + i)).filter(
      (value) => value !== undefined,
    )
    if (inside.length === 0) continue
    series.x.push(x)
    series.last.push(inside.at(-1)!)
    series.min.push(Math.min(...inside))
    series.max.push(Math.max(...inside))
    series.mean.push(inside.reduce((sum, value) => sum + value, 0) / inside.length)
    series.n.push(inside.length)
    series.bad.push(0)
  }
  const marks: CurveReply['marks'] = []
  return { jobId, x: 'gen_step', resolution, seq, complete: false, reset, series: { w_estimate: series }, marks }
}

const aReply = (steps: number[], seq: number) =>
  replyOf(new Map(steps.map((step) => [step, step / seq])), steps, { resolution: 4, seq })

/** A run: points in order, and now and then a resumed attempt that lives some steps again. */
const run = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 20 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('rollback' as const), count: fc.integer({ min: 1, max: 30 }) }),
    },
  ),
  { minLength: 1, maxLength: 12 },
)

describe('mergeCurve', () => {
  test('deltas laid over each other are the whole curve, whatever was rolled back', () => {
    fc.assert(
      fc.property(run, fc.constantFrom(1, 2, 4, 8), (moves, resolution) => {
        const values = new Map<number, number>()
        let held: CurveReply | null = null
        let step = 0
        moves.forEach(({ kind, count }, seq) => {
          let reset: CurveReply['reset'] = null
          const touched: number[] = []
          if (kind === 'rollback') {
            step = Math.max(0, step - count)
            for (const old of values.keys()) if (old > step) values.delete(old)
            reset = { fromStep: Math.floor((step + 1) / resolution) * resolution }
            // The bucket in which the cut falls is sent again.
            touched.push(step)
          } else {
            for (let i = 0; i < count; i++) {
              values.set(++step, Math.sin(step + seq * 100))
              touched.push(step)
            }
          }
          held = mergeCurve(held, replyOf(values, touched, { resolution, seq, reset }))
        })

        const whole = replyOf(values, values.keys(), { resolution, seq: moves.length - 1 })
        expect(held!.series.w_estimate).toEqual(whole.series.w_estimate)
        expect(held!.seq).toBe(moves.length - 1)
      }),
    )
  })

  test('x ascends without repeats, and the same reply twice changes nothing', () => {
    const points = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(points, points, (before, after) => {
        const once = mergeCurve(aReply(before, 1), aReply(after, 2))
        const { x } = once.series.w_estimate!

        expect(x).toEqual([...new Set(x)].sort((a, b) => a - b))
        expect(mergeCurve(once, aReply(after, 2))).toEqual(once)
      }),
    )
  })

  test('neither argument is changed', () => {
    const values = new Map([1, 2, 3, 4, 5].map((step) => [step, step]))
    const held = replyOf(values, [1, 2, 3], { resolution: 2, seq: 1 })
    const reply = replyOf(values, [3, 4, 5], { resolution: 2, seq: 2, reset: { fromStep: 4 } })
    const copies = structuredClone([held, reply])

    mergeCurve(held, reply)

    expect([held, reply]).toEqual(copies)
  })

  test('another resolution replaces everything', () => {
    const values = new Map([1, 2, 3].map((step) => [step, step]))
    const reply = replyOf(values, [3], { resolution: 2, seq: 2 })

    expect(mergeCurve(replyOf(values, [1, 2, 3], { resolution: 1, seq: 1 }), reply)).toEqual(reply)
  })

  test('series that a reply leaves out are kept, and a smoothed column is filled where it was not computed', () => {
    const values = new Map([1, 2].map((step) => [step, step]))
    const held = replyOf(values, [1, 2], { resolution: 1, seq: 1 })
    held.series.gen_loss = held.series.w_estimate!
    const reply = replyOf(new Map([[3, 3]]), [3], { resolution: 1, seq: 2 })
    reply.series.w_estimate!.smooth = [2.5]

    const merged = mergeCurve(held, reply)

    expect(merged.series.gen_loss).toEqual(held.series.gen_loss)
    expect(merged.series.w_estimate!.smooth).toEqual([null, null, 2.5])
  })

  test('non-finite points are told by the reply where it has their bucket, kept elsewhere, and dropped by a reset', () => {
    const held = replyOf(new Map([1, 2, 3, 4].map((step) => [step, step])), [1, 2, 3, 4], { resolution: 1, seq: 1 })
    held.series.w_estimate!.nonFinite = [
      { x: 1, nan: 1, posInf: 0, negInf: 0 },
      { x: 3, nan: 0, posInf: 2, negInf: 0 },
    ]
    const reply = (steps: number[], reset: CurveReply['reset'] = null) =>
      replyOf(new Map(steps.map((step) => [step, step])), steps, { resolution: 1, seq: 2, reset })
    const nonFinite = (one: CurveReply) => mergeCurve(held, one).series.w_estimate!.nonFinite

    expect(nonFinite(reply([3, 5]))).toEqual([{ x: 1, nan: 1, posInf: 0, negInf: 0 }])
    const later = reply([2, 5])
    later.series.w_estimate!.nonFinite = [{ x: 2, nan: 0, posInf: 0, negInf: 1 }]
    expect(nonFinite(later)!.map(({ x }) => x)).toEqual([1, 2, 3])
    expect(nonFinite(reply([5], { fromStep: 3 }))!.map(({ x }) => x)).toEqual([1])
    expect(nonFinite(reply([1, 3]))).toBeUndefined()
  })

  test('the times of buckets go with them', () => {
    const held = replyOf(new Map([1, 2, 3].map((step) => [step, step])), [1, 2, 3], { resolution: 1, seq: 1 })
    held.series.w_estimate!.at = [10, 20, 30]
    const reply = replyOf(new Map([2, 4].map((step) => [step, step])), [2, 4], { resolution: 1, seq: 2 })
    reply.series.w_estimate!.at = [21, 41]

    expect(mergeCurve(held, reply).series.w_estimate!.at).toEqual([10, 21, 30, 41])
  })

  test('marks are those of the newest reply', () => {
    const held = replyOf(new Map(), [], { resolution: 1, seq: 1 })
    held.marks = [{ step: 9, type: 'sample' }]
    const reply = replyOf(new Map(), [], { resolution: 1, seq: 2, reset: { fromStep: 3 } })
    reply.marks = [{ step: 2, type: 'rollback' }]

    expect(mergeCurve(held, reply).marks).toEqual(reply.marks)
  })
})
