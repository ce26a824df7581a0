/** uint8 NHWC images under a 3 × 3 box blur; outside, an image goes on with its outermost pixels. */
export function blurred(images: Uint8Array, imageSize: number, channels: number): Uint8Array {
  const area = imageSize * imageSize * channels
  const inside = (i: number) => Math.min(imageSize - 1, Math.max(0, i))
  return images.map((_, at) => {
    const image = Math.floor(at / area) * area
    const channel = at % channels
    const place = Math.floor((at - image) / channels)
    const [y, x] = [Math.floor(place / imageSize), place % imageSize]
    let sum = 0
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++)
        sum += images[image + (inside(y + dy) * imageSize + inside(x + dx)) * channels + channel] as number
    return Math.round(sum / 9)
  })
}
