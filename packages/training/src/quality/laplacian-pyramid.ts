// Planes are square, row-major, `size` × `size`.

/** Binomial filter of Burt and Adelson 1983, per axis. */
const taps = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]

/** One plane's bands, finest first; the last is what is left. */
export interface Band {
  size: number
  plane: Float32Array
}

/** Bands of sizes `size`, size/2, … down to `smallest`: each the plane less its smoothed half, the last one whole. */
export function laplacianPyramid(plane: Float32Array, size: number, smallest = 16): Band[] {
  const bands: Band[] = []
  let band: Band = { size, plane }
  while (band.size / 2 >= smallest && band.size % 2 === 0) {
    const half = { size: band.size / 2, plane: halved(band) }
    const back = doubled(half)
    bands.push({ size: band.size, plane: band.plane.map((x, i) => x - (back[i] as number)) })
    band = half
  }
  return [...bands, band]
}

const halved = ({ plane, size }: Band): Float32Array => {
  const smooth = filtered(plane, size, 1)
  const half = size / 2
  return Float32Array.from(
    { length: half * half },
    (_, i) => smooth[2 * Math.floor(i / half) * size + 2 * (i % half)] as number,
  )
}

const doubled = ({ plane, size }: Band): Float32Array => {
  const spread = new Float32Array(4 * size * size)
  plane.forEach((x, i) => (spread[2 * Math.floor(i / size) * 2 * size + 2 * (i % size)] = x))
  return filtered(spread, 2 * size, 4)
}

/** Both axes; outside, the plane goes on mirrored about its outermost pixels. */
function filtered(plane: Float32Array, size: number, gain: number): Float32Array {
  const mirror = (i: number) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i)
  const along = (from: Float32Array, stride: number, across: number, factor: number) => {
    const result = new Float32Array(from.length)
    for (let line = 0; line < size; line++)
      for (let i = 0; i < size; i++) {
        let sum = 0
        for (let t = 0; t < 5; t++)
          sum += (taps[t] as number) * (from[line * across + mirror(i + t - 2) * stride] as number)
        result[line * across + i * stride] = factor * sum
      }
    return result
  }
  return along(along(plane, 1, size, 1), size, 1, gain)
}
