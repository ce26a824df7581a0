import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { watchForStall } from './stall-watch.js'

describe('watchForStall', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  test('F19: fires once when nothing moves for the time allowed', () => {
    const onStall = jest.fn()
    const watch = watchForStall(600, onStall)
    watch.steps(1, 1)
    watch.steps(2, 2)

    jest.advanceTimersByTime(599_000)
    expect(onStall).not.toHaveBeenCalled()
    watch.progress()
    jest.advanceTimersByTime(599_000)
    expect(onStall).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1_000_000)

    expect(onStall.mock.calls).toEqual([[600]])
  })

  test('F18: twenty usual steps are allowed where that is longer, and one burst changes nothing about what is usual', () => {
    const onStall = jest.fn()
    const watch = watchForStall(600, onStall)
    for (let step = 1; step <= 9; step++) watch.steps(step, step * 60)
    watch.steps(10, 9 * 60 + 1000)

    jest.advanceTimersByTime(1_199_000)
    expect(onStall).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1_000)

    expect(onStall.mock.calls).toEqual([[1200]])
  })

  test('F18: before the first step it waits for an hour: kernels may have to be compiled', () => {
    const onStall = jest.fn()
    const watch = watchForStall(600, onStall)

    jest.advanceTimersByTime(3_599_000)
    expect(onStall).not.toHaveBeenCalled()
    watch.stop()
    jest.advanceTimersByTime(10_000_000)

    expect(onStall).not.toHaveBeenCalled()
  })
})
