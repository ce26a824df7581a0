export interface RawImage {
  /** uint8, row by row, channels last. */
  pixels: Uint8Array
  width: number
  height: number
  channels: 1 | 3
}

/**
 * The authors' preprocessing: torchvision's Resize (shorter side to `size`, PIL's bilinear, which antialiases) and
 * CenterCrop, as size × size × channels. Bit-exact with Pillow: its triangle filter in 22-bit fixed point, horizontal
 * pass first, rounded to uint8 between the passes. Only the pixels inside the crop are computed, so a 1 × 65535
 * image costs no more than a square one.
 */
export function createResizer(width: number, height: number, channels: 1 | 3, size: number) {
  const shorter = Math.min(width, height)
  const columns = cropTaps(width, shorter, size)
  const rows = cropTaps(height, shorter, size)
  const firstRow = Math.min(...rows.first)
  const numRows = Math.max(...rows.first.map((first, i) => first + (rows.count[i] ?? 0))) - firstRow
  const between = new Uint8Array(numRows * size * channels)

  return (pixels: Uint8Array): Uint8Array => {
    if (pixels.byteLength !== width * height * channels)
      throw new RangeError(`${pixels.byteLength} bytes are not ${height} × ${width} × ${channels} pixels`)
    for (let y = 0; y < numRows; y++)
      filter(
        pixels,
        (firstRow + y) * width * channels,
        channels,
        columns,
        0,
        between,
        y * size * channels,
        channels,
        channels,
      )
    const out = new Uint8Array(size * size * channels)
    const rowBytes = size * channels
    for (let x = 0; x < size; x++)
      filter(between, x * channels, rowBytes, rows, firstRow, out, x * channels, rowBytes, channels)
    return out
  }
}

/** Resizes to the dataset's channels; keeps the last size's weights, since most sources have one size. */
export function createCachingResizer(imageSize: number, channels: 1 | 3): (image: RawImage) => Uint8Array {
  let last: { width: number; height: number; resize: (pixels: Uint8Array) => Uint8Array } | undefined
  return (image) => {
    const { width, height } = image
    if (last?.width !== width || last.height !== height)
      last = { width, height, resize: createResizer(width, height, channels, imageSize) }
    return last.resize(withChannels(image, channels).pixels)
  }
}

interface Taps {
  /** First input position of each output position. */
  first: number[]
  count: number[]
  /** Output i's weights start at i × stride; 2^22 is 1. */
  weights: Int32Array
  stride: number
}

const one = 2 ** 22

/** One line: every output position is a weighted sum of input positions `step` bytes apart. */
function filter(
  input: Uint8Array,
  inputStart: number,
  inputStep: number,
  taps: Taps,
  origin: number,
  output: Uint8Array,
  outputStart: number,
  outputStep: number,
  channels: number,
): void {
  const { first, count, weights, stride } = taps
  for (let i = 0; i < first.length; i++) {
    const from = inputStart + ((first[i] as number) - origin) * inputStep
    const numTaps = count[i] as number
    for (let c = 0; c < channels; c++) {
      let sum = one / 2
      for (let k = 0; k < numTaps; k++)
        sum += (input[from + k * inputStep + c] as number) * (weights[i * stride + k] as number)
      const value = sum >> 22
      output[outputStart + i * outputStep + c] = value > 255 ? 255 : value
    }
  }
}

/** Pillow's precompute_coeffs for the output positions inside the crop. */
function cropTaps(inputSize: number, shorter: number, size: number): Taps {
  const outputSize = Math.trunc((size * inputSize) / shorter)
  const cropStart = roundHalfEven((outputSize - size) / 2)
  const scale = inputSize / outputSize
  const support = Math.max(scale, 1)
  const stride = Math.ceil(support) * 2 + 1
  const taps: Taps = { first: [], count: [], weights: new Int32Array(size * stride), stride }
  for (let i = 0; i < size; i++) {
    const center = (cropStart + i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - support + 0.5))
    const count = Math.min(inputSize, Math.trunc(center + support + 0.5)) - first
    const triangle = Array.from({ length: count }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - center + 0.5) * (1 / support))),
    )
    const total = triangle.reduce((sum, weight) => sum + weight, 0)
    triangle.forEach((weight, k) => (taps.weights[i * stride + k] = Math.trunc(0.5 + (weight / total) * one)))
    taps.first.push(first)
    taps.count.push(count)
  }
  return taps
}

/** Python's round(), which CenterCrop uses. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Grey from colour by PIL's fixed-point ITU-R 601 luma, colour from grey by repetition. */
export function withChannels(image: RawImage, channels: 1 | 3): RawImage {
  if (image.channels === channels) return image
  const numPixels = image.width * image.height
  const pixels = new Uint8Array(numPixels * channels)
  const from = image.pixels
  for (let i = 0; i < numPixels; i++) {
    if (channels === 3) pixels.fill(from[i] as number, i * 3, i * 3 + 3)
    else {
      const [red, green, blue] = [from[i * 3] as number, from[i * 3 + 1] as number, from[i * 3 + 2] as number]
      pixels[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    }
  }
  return { ...image, pixels, channels }
}
