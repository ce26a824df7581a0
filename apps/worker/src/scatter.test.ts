import { expect, test } from '@jest/globals'
import { drawScatter, SIDE } from './scatter.js'

const ring = { kind: 'ring-8', seed: 1 } as const
const generated = [214, 69, 65]

test('generated points lie over real ones in a window of the law’s own; what is far away or no number is left out', () => {
  const onMode = [Math.SQRT2, 0]
  const { pixels, place } = drawScatter(Float32Array.of(...onMode, 0, 0, 900, 0, Number.NaN, 1), ring)
  const colourAt = (x: number, y: number) => {
    const { column, row } = place(x, y)!
    return [...pixels.subarray(3 * (row * SIDE + column), 3 * (row * SIDE + column) + 3)]
  }

  expect(colourAt(Math.SQRT2, 0)).toEqual(generated)
  expect(colourAt(0, 0)).toEqual(generated)
  expect(colourAt(-Math.SQRT2, 0)).toEqual([200, 204, 210])
  expect(colourAt(0.7, 0)).toEqual([255, 255, 255])
  expect(place(900, 0)).toBeNull()
  // The window is centred on the ring, twice 1.5 times its radius wide.
  expect(place(0, 0)!.column).toBeCloseTo(SIDE / 2, -1)
  const drawn = pixels.filter((_, i) => i % 3 === 0 && pixels[i] === generated[0] && pixels[i + 1] === generated[1])
  expect(drawn).toHaveLength(2 * 9)
})
