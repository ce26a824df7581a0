import { discreteDivergences, normalDivergences, normalQuantiles, wasserstein1d } from '@kantor/training/oracles'
import { type Experiment, type Finding, within } from './experiment.js'

const LENGTHS = [2, 10, 100]
const standard = { mean: 0, deviation: 1 }

export const sequences: Experiment = {
  name: 'sequences',
  question: 'Which sequences of laws converge in which distance?',
  claim:
    'More sequences converge in W₁ than in JS or TV: moving point masses, grids that fill [0, 1] and narrowing Gaussians reach their limit in W₁ alone; a Gaussian whose mean moves does so in all.',
  source: 'Arjovsky et al. 2017, Theorem 2',
  run: () => LENGTHS.flatMap((n) => [...pointMasses(n), ...movingMean(n), ...filling(n), ...narrowing(n)]),
}

function pointMasses(n: number): Finding[] {
  const { js, tv, kl } = discreteDivergences([1, 0], [0, 1])
  return [
    within(1e-9, `W₁(δ at 1/${n}, δ at 0)`, 1 / n, wasserstein1d([1 / n], [0])),
    within(1e-9, `JS(δ at 1/${n}, δ at 0)`, Math.LN2, js),
    within(1e-9, `TV(δ at 1/${n}, δ at 0)`, 1, tv),
    within(1e-9, `KL(δ at 1/${n}, δ at 0)`, Infinity, kl),
  ]
}

function movingMean(n: number): Finding[] {
  const moved = { mean: 1 / n, deviation: 1 }
  const w1 = wasserstein1d(normalQuantiles(moved, 1000), normalQuantiles(standard, 1000))
  return [
    within(1e-6, `KL(N(1/${n}, 1), N(0, 1))`, 1 / (2 * n * n), normalDivergences(moved, standard).kl),
    within(1e-6, `W₁(N(1/${n}, 1), N(0, 1))`, 1 / n, w1),
  ]
}

/** n midpoints against the uniform law, here its 1 000 times finer grid; they share no mass. */
function filling(n: number): Finding[] {
  return [within(1e-4, `W₁(${n} midpoints, U[0, 1])`, 1 / (4 * n), wasserstein1d(midpoints(n), midpoints(1000 * n)))]
}

function narrowing(n: number): Finding[] {
  const quantiles = normalQuantiles({ mean: 0, deviation: 1 / n }, 20_000)
  return [within(1e-3, `W₁(N(0, 1/${n}²), δ at 0)`, Math.sqrt(2 / Math.PI) / n, wasserstein1d(quantiles, [0]))]
}

const midpoints = (count: number) => Float64Array.from({ length: count }, (_, i) => (i + 0.5) / count)
