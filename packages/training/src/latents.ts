import { randomNormal, randomUniform, seedPair, type Stream, type Tensor1D, type Tensor2D, tf } from '@kantor/engine'

/** Latents z ~ N(0, 1), [n, latentSize], that depend on the job's seed and the place in the run alone. */
export function drawLatents(
  shape: { count: number; latentSize: number },
  seed: number,
  place: { stream: Stream; step?: number; subStep?: number },
): Tensor2D {
  return tf.tidy(() => {
    const pair = seedPair(seed, place.stream, place.step ?? 0, place.subStep ?? 0)
    return randomNormal<Tensor2D>([shape.count, shape.latentSize], tf.tensor1d(pair, 'int32'))
  })
}

/** Interpolation factors ε ~ U[0, 1), [count], one per real image of the critic step that follows `step` finished ones. */
export function drawFactors(count: number, seed: number, step: number): Tensor1D {
  return tf.tidy(() => randomUniform<Tensor1D>([count], tf.tensor1d(seedPair(seed, 'interpolation', step), 'int32')))
}
