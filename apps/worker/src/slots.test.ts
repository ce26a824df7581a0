import { expect, test } from '@jest/globals'
import { Slots } from './slots.js'

test('runs so many at once and not one more, in their order, also after a failure', async () => {
  const slots = new Slots(2)
  const order: number[] = []
  let running = 0
  let most = 0
  const works = Array.from({ length: 9 }, (_, index) =>
    slots.use(async () => {
      most = Math.max(most, ++running)
      order.push(index)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
      if (index === 3) throw new Error('boom')
    }),
  )
  const ends = await Promise.allSettled(works)

  expect(most).toBe(2)
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(ends.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1)
  expect(slots.numUsed).toBe(0)
})
