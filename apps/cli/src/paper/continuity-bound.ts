import { discreteWasserstein, seededNormals } from '@kantor/training/oracles'
import { type Experiment, violations } from './experiment.js'

const NUM_POINTS = 64
const HIDDEN = 16
const TRIALS = 100
const SIZES = [1e-3, 1e-2, 0.1, 1]

export const continuityBound: Experiment = {
  name: 'continuity-bound',
  question: 'Why is W₁ to the data continuous in a generator’s weights?',
  claim:
    'Moving a generator’s weights moves W₁ to the data by no more than the mean distance its outputs move for the same latents: so W₁ is continuous in the weights.',
  source: 'Arjovsky et al. 2017, Theorem 1 and its proof (coupling through the same z)',
  run: () => SIZES.map((size) => violations(`moves of size ${size} that break the bound`, countViolations(size))),
}

function countViolations(size: number): number {
  const normal = seededNormals(11)
  const draw = (count: number) => Float64Array.from({ length: count }, normal)
  const data = draw(2 * NUM_POINTS)
  const latents = draw(2 * NUM_POINTS)
  let broken = 0
  for (let trial = 0; trial < TRIALS / SIZES.length; trial++) {
    const weights = draw(4 * HIDDEN)
    const moved = weights.map((weight) => weight + size * normal())
    const [before, after] = [generate(weights, latents), generate(moved, latents)]
    const change = Math.abs(discreteWasserstein(data, before, 2) - discreteWasserstein(data, after, 2))
    if (change > meanMove(before, after) + 1e-9) broken++
  }
  return broken
}

/** A two-layer ReLU network from the plane to the plane. */
function generate(weights: Float64Array, latents: Float64Array): Float64Array {
  const points = new Float64Array(latents.length)
  for (let i = 0; i < latents.length; i += 2)
    for (let unit = 0; unit < HIDDEN; unit++) {
      const [a, b, c, d] = weights.subarray(4 * unit, 4 * unit + 4) as unknown as [number, number, number, number]
      const hidden = Math.max(0, a * (latents[i] as number) + b * (latents[i + 1] as number))
      points[i] = (points[i] as number) + c * hidden
      points[i + 1] = (points[i + 1] as number) + d * hidden
    }
  return points
}

function meanMove(before: Float64Array, after: Float64Array): number {
  let sum = 0
  for (let i = 0; i < before.length; i += 2)
    sum += Math.hypot(
      (before[i] as number) - (after[i] as number),
      (before[i + 1] as number) - (after[i + 1] as number),
    )
  return sum / NUM_POINTS
}
