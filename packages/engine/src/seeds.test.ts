import { describe, expect, test } from '@jest/globals'
import { type Stream, seedPair, streams } from './seeds.js'

describe('seedPair', () => {
  test('is pinned: stored runs rely on it', () => {
    expect(seedPair(1, 'criticLatent', 2, 3)).toEqual([811984440, 911145643])
    expect(seedPair(2_147_483_647, 'init')).toEqual([-2126314046, -1183874639])
  })

  test('gives int32 numbers that differ for every place', () => {
    const seen = new Set<string>()
    let places = 0
    for (const seed of [0, 1, 2, 1000]) {
      for (const stream of Object.keys(streams) as Stream[]) {
        for (let step = 0; step < 300; step++) {
          for (const subStep of [0, 1, 99]) {
            const pair = seedPair(seed, stream, step, subStep)
            expect(pair.every((n) => (n | 0) === n)).toBe(true)
            seen.add(pair.join())
            places++
          }
        }
      }
    }
    expect(seen.size).toBe(places)
  })

  test('tells steps beyond 2³² from their low words', () => {
    expect(seedPair(1, 'init', 2 ** 32 + 5)).not.toEqual(seedPair(1, 'init', 5))
  })

  test('spreads its bits: each is set about half of the time', () => {
    const counts = new Float64Array(64)
    for (let step = 0; step < 4000; step++) {
      seedPair(0, 'dataOrder', step).forEach((word, w) => {
        for (let bit = 0; bit < 32; bit++) {
          const i = 32 * w + bit
          counts[i] = (counts[i] as number) + ((word >>> bit) & 1)
        }
      })
    }
    // 2000 expected, standard deviation 32.
    expect(Math.max(...counts.map((n) => Math.abs(n - 2000)))).toBeLessThan(160)
  })
})
