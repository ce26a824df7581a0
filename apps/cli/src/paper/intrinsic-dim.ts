import { seededNormals } from '@kantor/training/oracles'
import { type Experiment, type Finding, violations } from './experiment.js'

const HIDDEN = 32
const NUM_CURVES = 5
const NUM_POSITIONS = 50
/** Half-width of the latents around each position that the local covariance is taken over. */
const NEIGHBOURHOOD = 1e-3

export const intrinsicDim: Experiment = {
  name: 'intrinsic-dim',
  question: 'How many dimensions does what a generator makes have?',
  claim:
    'A generator with one latent reaches a curve, whatever space it draws in: around every sample the covariance of its neighbours has one eigenvalue, so the law has no density there.',
  source: 'Arjovsky and Bottou 2017, Lemma 1',
  run,
}

function run(): Finding[] {
  const normal = seededNormals(3)
  let thick = 0
  for (let curve = 0; curve < NUM_CURVES; curve++) {
    const weights = Float64Array.from({ length: 4 * HIDDEN }, normal)
    for (let k = 0; k < NUM_POSITIONS; k++) if (localThickness(weights, normal()) > 1e-3) thick++
  }
  return [violations('samples whose neighbours spread in a second direction', thick)]
}

/** Smaller over larger eigenvalue of the covariance of points generated from latents near `z`. */
function localThickness(weights: Float64Array, z: number): number {
  const points = Array.from({ length: 101 }, (_, i) => generate(weights, z + (i / 50 - 1) * NEIGHBOURHOOD))
  const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / points.length
  const center = [mean(0), mean(1)] as const
  const covariance = (a: 0 | 1, b: 0 | 1) =>
    points.reduce((sum, point) => sum + (point[a] - center[a]) * (point[b] - center[b]), 0) / points.length
  const [xx, xy, yy] = [covariance(0, 0), covariance(0, 1), covariance(1, 1)]
  const middle = (xx + yy) / 2
  const spread = Math.hypot((xx - yy) / 2, xy)
  return (middle - spread) / (middle + spread)
}

/** A network of `HIDDEN` tanh units from the line to the plane. */
function generate(weights: Float64Array, z: number): [number, number] {
  let [x, y] = [0, 0]
  for (let unit = 0; unit < HIDDEN; unit++) {
    const [slope, shift, c, d] = weights.subarray(4 * unit, 4 * unit + 4) as unknown as [number, number, number, number]
    const hidden = Math.tanh(slope * z + shift)
    x += c * hidden
    y += d * hidden
  }
  return [x, y]
}
