import { normalCdf, normalDivergences, normalQuantiles, wasserstein1d } from '@kantor/training/oracles'
import { type Experiment, type Finding, within } from './experiment.js'

const SIGMAS = [1, 0.1, 0.01]

/** Across the lines the noisy laws are N(0, σ²) and N(1, σ²); along them they are equal, so one dimension tells all. */
export const manifoldNoise: Experiment = {
  name: 'manifold-noise',
  question: 'Does adding noise repair the Kullback-Leibler divergence between thin laws?',
  claim:
    'Noise makes KL between two lines finite, but only as θ²/2σ²: .5, 50 and 5 000 for σ = 1, .1 and .01, while W₁ = θ for every σ.',
  source: 'Arjovsky et al. 2017, section 1 (noise as a remedy); closed forms of the normal law',
  run: () => SIGMAS.flatMap(atSigma),
}

function atSigma(sigma: number): Finding[] {
  const [a, b] = [
    { mean: 0, deviation: sigma },
    { mean: 1, deviation: sigma },
  ]
  const measured = normalDivergences(a, b)
  return [
    within(1e-6, `KL at σ = ${sigma}`, 1 / (2 * sigma ** 2), measured.kl),
    within(1e-6, `TV at σ = ${sigma}`, 2 * normalCdf(1 / (2 * sigma)) - 1, measured.tv),
    within(1e-6, `W₁ at σ = ${sigma}`, 1, wasserstein1d(normalQuantiles(a, 1000), normalQuantiles(b, 1000))),
  ]
}
