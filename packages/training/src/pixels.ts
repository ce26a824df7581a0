/**
 * [−1, 1] to uint8, rounded; values outside (an MLP generator has no tanh) are clipped, NaN becomes black. By a loop: `from` first
 * collects a list of all values, which took 5 GB for 256 images of 256 pixels a side.
 */
export function toBytes(values: Float32Array): Uint8Array {
  const clamped = new Uint8ClampedArray(values.length)
  for (let i = 0; i < values.length; i++) clamped[i] = ((values[i] as number) * 0.5 + 0.5) * 255
  return new Uint8Array(clamped.buffer)
}
