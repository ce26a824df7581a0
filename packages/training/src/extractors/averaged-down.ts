/** uint8 NHWC images at `to` pixels a side, each the mean of a whole square of theirs; `from` is a multiple of `to`. */
export function averagedDown(images: Uint8Array, from: number, channels: number, to: number): Uint8Array {
  if (from === to) return images
  const factor = from / to
  const numImages = images.length / (from * from * channels)
  const result = new Uint8Array(numImages * to * to * channels)
  let at = 0
  for (let image = 0; image < numImages; image++)
    for (let y = 0; y < to; y++)
      for (let x = 0; x < to; x++)
        for (let channel = 0; channel < channels; channel++, at++) {
          let sum = 0
          for (let dy = 0; dy < factor; dy++)
            for (let dx = 0; dx < factor; dx++)
              sum += images[((image * from + y * factor + dy) * from + x * factor + dx) * channels + channel] as number
          result[at] = Math.round(sum / factor ** 2)
        }
  return result
}
