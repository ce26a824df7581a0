import type { PointLaw } from '@kantor/contracts'
import { openPoints } from '@kantor/datasets'
import sharp from 'sharp'

/** Pixels per side of the picture. */
export const SIDE = 384
const NUM_REAL = 2000
/** Room around the real points, as a share of their extent: what a generator makes beside them should be seen. */
const MARGIN = 0.25

type Colour = readonly [number, number, number]
const paper: Colour = [255, 255, 255]
const real: Colour = [200, 204, 210]
const generated: Colour = [214, 69, 65]

interface Scatter {
  /** RGB, `SIDE` × `SIDE`. */
  pixels: Uint8Array
  place: Place
}

/** Pixel of a point's first two coordinates; null for one outside the picture. */
type Place = (x: number, y: number) => { column: number; row: number } | null

/** Generated points over real ones, by their first two coordinates, in a window that depends on the law alone. */
export function drawScatter(coordinates: Float32Array, law: PointLaw): Scatter {
  const source = openPoints(law)
  const reals = source.read(Int32Array.from({ length: NUM_REAL }, (_, i) => i))
  const place = windowAround(reals, source.channels)
  const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => paper[i % 3] as number)
  const dot = (x: number, y: number, colour: Colour) => {
    const at = place(x, y)
    if (!at) return
    for (let row = Math.max(0, at.row - 1); row <= Math.min(SIDE - 1, at.row + 1); row++)
      for (let column = Math.max(0, at.column - 1); column <= Math.min(SIDE - 1, at.column + 1); column++)
        pixels.set(colour, 3 * (row * SIDE + column))
  }
  for (const [points, colour] of [
    [reals, real],
    [coordinates, generated],
  ] as const)
    for (let i = 0; i < points.length; i += source.channels)
      dot(points[i] as number, secondOf(points, i, source.channels), colour)
  return { pixels, place }
}

/** On the line a point's height is 0. */
const secondOf = (points: Float32Array, i: number, dimensions: number) =>
  dimensions > 1 ? (points[i + 1] as number) : 0

/** A square with the same scale on both axes; what lies outside it, or is no number, has no place. */
function windowAround(points: Float32Array, dimensions: number): Place {
  // The origin belongs to it: the generator `shift` starts there.
  let [left, right, bottom, top] = [0, 0, 0, 0]
  for (let i = 0; i < points.length; i += dimensions) {
    const [x, y] = [points[i] as number, secondOf(points, i, dimensions)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    bottom = Math.min(bottom, y)
    top = Math.max(top, y)
  }
  const extent = Math.max(right - left, top - bottom, 1e-6) * (1 + 2 * MARGIN)
  const scale = SIDE / extent
  const [middleX, middleY] = [(left + right) / 2, (bottom + top) / 2]
  return (x, y) => {
    const column = Math.floor(SIDE / 2 + (x - middleX) * scale)
    const row = Math.floor(SIDE / 2 - (y - middleY) * scale)
    const inside = column >= 0 && column < SIDE && row >= 0 && row < SIDE
    return inside ? { column, row } : null
  }
}

export const encodeScatter = (coordinates: Float32Array, law: PointLaw): Promise<Uint8Array> =>
  sharp(drawScatter(coordinates, law).pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png({ compressionLevel: 9, palette: true })
    .toBuffer()
