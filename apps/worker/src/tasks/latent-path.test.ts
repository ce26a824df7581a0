import { expect, test } from '@jest/globals'
import { lerp, slerp, walk } from './latent-path.js'

const a = Float32Array.of(3, 0, 0)
const b = Float32Array.of(0, 4, 0)
const near = (point: Float32Array, other: number[]) =>
  point.forEach((value, i) => expect(value).toBeCloseTo(other[i]!, 5))

test('slerp goes along the circle at an even pace, its length from one end’s to the other’s', () => {
  near(slerp(a, b, 0), [3, 0, 0])
  near(slerp(a, b, 1), [0, 4, 0])
  near(slerp(a, b, 0.5), [3.5 / Math.SQRT2, 3.5 / Math.SQRT2, 0])
  const third = slerp(a, b, 1 / 3)
  expect(Math.atan2(third[1]!, third[0]!)).toBeCloseTo(Math.PI / 6, 5)
})

test('slerp between parallel, opposite and zero latents is a straight line, never NaN', () => {
  near(slerp(a, Float32Array.of(6, 0, 0), 0.5), [4.5, 0, 0])
  near(slerp(a, Float32Array.of(-3, 0, 0), 0.25), [1.5, 0, 0])
  near(slerp(a, Float32Array.of(0, 0, 0), 0.5), [1.5, 0, 0])
})

test('a walk begins every leg at its corner; round it ends before the first one, else at the last', () => {
  const corners = [a, b, Float32Array.of(0, 0, 5)]
  const round = walk(corners, { frames: 4, loop: true, interpolate: slerp })
  expect(round).toHaveLength(12)
  for (const [leg, corner] of corners.entries()) near(round[leg * 4]!, [...corner])
  const open = walk(corners, { frames: 2, loop: false, interpolate: lerp })
  expect(open).toHaveLength(5)
  near(open[1]!, [1.5, 2, 0])
  near(open[4]!, [0, 0, 5])
})
