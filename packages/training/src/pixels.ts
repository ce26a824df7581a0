/** [−1, 1] to uint8, rounded; values outside (an MLP generator has no tanh) are clipped, NaN becomes black. */
export const toBytes = (values: Float32Array): Uint8Array =>
  Uint8Array.from(Uint8ClampedArray.from(values, (value) => (value * 0.5 + 0.5) * 255))
