import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseRange, toSpans, withTail } from './range.js'

const steps = fc.integer({ min: 0, max: 100_000 })
const query = fc.record(
  {
    from: steps,
    to: steps,
    resolution: fc.integer({ min: 0, max: 20 }).map((power) => 2 ** power),
    maxPoints: fc.integer({ min: 1, max: 5000 }),
  },
  { requiredKeys: ['maxPoints'] },
)
const numBuckets = (first: number, last: number, resolution: number) =>
  Math.max(0, Math.floor(last / resolution) - Math.floor(first / resolution) + 1)

describe('the resolution', () => {
  test('fits, is the finest power of two that does, or the one that was asked for', () => {
    fc.assert(
      fc.property(query, steps, (asked, lastStep) => {
        const { first, last, resolution } = chooseRange(asked, lastStep)

        expect(Number.isInteger(Math.log2(resolution))).toBe(true)
        expect(numBuckets(first, last, resolution)).toBeLessThanOrEqual(asked.maxPoints)
        if (resolution > 1 && resolution !== asked.resolution) {
          expect(numBuckets(first, last, resolution / 2)).toBeGreaterThan(asked.maxPoints)
        }
        if (asked.resolution !== undefined && numBuckets(first, last, asked.resolution) <= asked.maxPoints) {
          expect(resolution).toBe(asked.resolution)
        }
      }),
    )
  })

  test('never gets finer while a run goes on', () => {
    fc.assert(
      fc.property(query, steps, steps, (asked, a, b) => {
        const fresh = { ...asked, resolution: undefined }
        const early = chooseRange(fresh, Math.min(a, b)).resolution

        expect(chooseRange(fresh, Math.max(a, b)).resolution).toBeGreaterThanOrEqual(early)
      }),
    )
  })
})

describe('spans', () => {
  const bucketList = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 30 })
  const range = fc
    .record({ first: fc.nat(200), length: fc.integer({ min: -5, max: 200 }), power: fc.nat(3) })
    .map(({ first, length, power }) => ({ first, last: first + length, resolution: 2 ** power }))

  test('hold exactly the steps of their buckets and of the tail that lie in the range, once and ascending', () => {
    fc.assert(
      fc.property(bucketList, range, fc.option(fc.nat(300), { nil: undefined }), (buckets, within, tail) => {
        const joined = toSpans(buckets, within)
        const spans = tail === undefined ? joined : withTail(joined, tail, within)

        const held = spans.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
        const expected: number[] = []
        for (let step = within.first; step <= within.last; step++) {
          const bucket = Math.floor(step / within.resolution)
          const inTail = tail !== undefined && bucket >= Math.floor(tail / within.resolution)
          if (buckets.includes(bucket) || inTail) expected.push(step)
        }
        expect(held).toEqual(expected)
      }),
    )
  })
})
