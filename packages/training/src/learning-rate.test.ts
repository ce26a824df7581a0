import { expect, test } from '@jest/globals'
import { Optimizer } from '@kantor/contracts'
import { rateScale } from './learning-rate.js'

const rates = (decay: object | undefined, steps: number[]) => {
  const optimizer = Optimizer.parse({ kind: 'adam', ...(decay && { decay }) })
  return steps.map((step) => rateScale(optimizer, step))
}

test('rates fall in a line from `from` to `until`, and stay at nothing', () => {
  expect(rates({ until: 4 }, [0, 1, 2, 3, 4, 5])).toEqual([1, 0.75, 0.5, 0.25, 0, 0])
  expect(rates({ from: 10, until: 20 }, [0, 10, 15, 20])).toEqual([1, 1, 0.5, 0])
  expect(rates(undefined, [0, 1e9])).toEqual([1, 1])
})
