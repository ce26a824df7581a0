import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createResizer, type RawImage, withChannels } from './resize.js'

interface Case {
  width: number
  height: number
  channels: 1 | 3
  size: number
  expected: string
}

const pillow: { cases: Case[]; grey: string } = JSON.parse(
  readFileSync(new URL('../fixtures/pillow-resize.json', import.meta.url), 'utf8'),
)

/** The bytes that fixtures/pillow-resize.py makes. */
function pixels(count: number): Uint8Array {
  let state = 1n
  return Uint8Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n
    return Number((state >> 16n) & 255n)
  })
}

/** The triangle filter over the whole picture in double precision, cropped afterwards: slow, and written another way. */
function reference({ pixels: from, width, height, channels }: RawImage, size: number): Float64Array {
  const shorter = Math.min(width, height)
  const weight = (i: number, k: number, input: number) => {
    const output = Math.floor((size * input) / shorter)
    const left = Math.floor((output - size) / 2)
    const scale = input / output
    return Math.max(0, 1 - Math.abs(k + 0.5 - (i + left + 0.5) * scale) / Math.max(1, scale))
  }
  const out = new Float64Array(size * size * channels)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (let c = 0; c < channels; c++) {
        let [sum, total] = [0, 0]
        for (let v = 0; v < height; v++)
          for (let u = 0; u < width; u++) {
            const w = weight(x, u, width) * weight(y, v, height)
            sum += w * (from[(v * width + u) * channels + c] ?? 0)
            total += w
          }
        out[(y * size + x) * channels + c] = sum / total
      }
  return out
}

describe('createResizer', () => {
  test.each(pillow.cases)('is bit-exact with Pillow: $width × $height × $channels to $size', (row) => {
    const { width, height, channels, size, expected } = row
    const resized = createResizer(width, height, channels, size)(pixels(width * height * channels))

    expect([...resized]).toEqual([...Buffer.from(expected, 'base64')])
  })

  test('stays within a grey level of a double-precision triangle filter', () => {
    const side = fc.integer({ min: 1, max: 24 })
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(1 as const, 3 as const),
        (w, h, size, channels) => {
          // An odd surplus lets the two crops differ by the rounding of half a pixel; Pillow's fixtures cover those.
          fc.pre((Math.trunc((size * Math.max(w, h)) / Math.min(w, h)) - size) % 2 === 0)
          const image: RawImage = { pixels: pixels(w * h * channels), width: w, height: h, channels }
          const resized = createResizer(w, h, channels, size)(image.pixels)
          const expected = reference(image, size)
          const error = Math.max(...resized.map((value, i) => Math.ceil(Math.abs(value - (expected[i] ?? NaN)) - 0.01)))
          expect(error).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a 1 × 65535 image needs no more than its crop', () => {
    const resized = createResizer(1, 65535, 3, 64)(new Uint8Array(65535 * 3).fill(9))

    expect(resized).toEqual(new Uint8Array(64 * 64 * 3).fill(9))
  })

  test('refuses pixels of another shape', () => {
    expect(() => createResizer(4, 4, 1, 2)(new Uint8Array(15))).toThrow(RangeError)
  })
})

describe('withChannels', () => {
  test('makes grey as Pillow does and colour by repetition', () => {
    const colour: RawImage = { pixels: pixels(16 * 16 * 3), width: 16, height: 16, channels: 3 }
    const grey = withChannels(colour, 1)

    expect([...grey.pixels]).toEqual([...Buffer.from(pillow.grey, 'base64')])
    expect(withChannels(grey, 3).pixels.subarray(0, 3)).toEqual(new Uint8Array(3).fill(grey.pixels[0] ?? 0))
  })
})
