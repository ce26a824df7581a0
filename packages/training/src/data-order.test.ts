import { describe, expect, test } from '@jest/globals'
import { batchesPerEpoch, epochOrder } from './data-order.js'

describe('epochOrder', () => {
  test('shows every image once', () => {
    for (const n of [1, 2, 97, 1000]) {
      expect([...epochOrder(n, 1, 0)].sort((a, b) => a - b)).toEqual([...Array(n).keys()])
    }
  })

  test('depends on seed and epoch, and on nothing else', () => {
    expect(epochOrder(50, 7, 3)).toEqual(epochOrder(50, 7, 3))
    expect(epochOrder(50, 7, 3)).not.toEqual(epochOrder(50, 7, 4))
    expect(epochOrder(50, 7, 3)).not.toEqual(epochOrder(50, 8, 3))
  })

  test('is pinned: stored runs rely on it', () => {
    expect([...epochOrder(10, 1, 0)]).toEqual([4, 2, 6, 3, 8, 5, 0, 7, 9, 1])
  })

  test('puts every image first about equally often', () => {
    const counts = new Float64Array(5)
    for (let epoch = 0; epoch < 5000; epoch++) {
      const first = epochOrder(5, 42, epoch)[0] as number
      counts[first] = (counts[first] as number) + 1
    }
    // 1000 expected, standard deviation 28.
    expect(Math.max(...counts.map((n) => Math.abs(n - 1000)))).toBeLessThan(140)
  })
})

test('batchesPerEpoch counts the smaller tail', () => {
  expect([batchesPerEpoch(64, 64), batchesPerEpoch(65, 64), batchesPerEpoch(3, 64)]).toEqual([1, 2, 1])
})
