import {
  generatorGradients,
  normalDivergences,
  normalQuantiles,
  optimalDiscriminator,
  wasserstein1d,
} from '@kantor/training/oracles'
import { type Experiment, type Finding, within } from './experiment.js'
import { linePlot } from './plot.js'

const real = { mean: 0, deviation: 1 }
/** |∂ log(1 − D)| at the fake mean m/(1 + e^(m²/2)), and JS of N(0, 1) and N(m, 1), to the digits worked out by hand. */
const KNOWN = [
  { m: 2, minimax: 0.2384, js: 0.3368 },
  { m: 4, minimax: 1.3414e-3, js: 0.6327 },
  { m: 6, minimax: 9.138e-8, js: 0.6893 },
  { m: 8, minimax: 1.0131e-13, js: 0.6931 },
]
/** Three digits. */
const DIGITS = 1e-3

export const twoGaussians: Experiment = {
  name: 'two-gaussians',
  question: 'What gradient does an optimal discriminator leave to the generator, and what does a critic?',
  claim:
    'As two Gaussians part, the minimax gradient of an optimal discriminator vanishes and JS saturates at log 2; the critic keeps slope 1 and W₁ = m. (The −log D loss does not vanish: Fig. 2 is about the minimax loss.)',
  source: 'Arjovsky et al. 2017, Fig. 2 (its means are not printed; here 0 and m)',
  run: () => KNOWN.flatMap(atDistance),
  picture,
}

function atDistance({ m, minimax, js }: (typeof KNOWN)[number]): Finding[] {
  const fake = { mean: m, deviation: 1 }
  return [
    within(
      DIGITS,
      `|∇ log(1 − D)| at ${m}`,
      minimax,
      Math.abs(slope((x) => Math.log1p(-optimalDiscriminator(m, x)), m)),
    ),
    within(DIGITS, `|∇ log D| at ${m}`, generatorGradients(m).nonSaturating, Math.abs(slope(logDiscriminator(m), m))),
    within(DIGITS, `JS at ${m}`, js, normalDivergences(real, fake).js),
    within(DIGITS, `W₁ at ${m}`, m, wasserstein1d(normalQuantiles(real, 1000), normalQuantiles(fake, 1000))),
  ]
}

const logDiscriminator = (m: number) => (x: number) => Math.log(optimalDiscriminator(m, x))

/** Central difference. */
function slope(f: (x: number) => number, x: number): number {
  const h = 1e-4
  return (f(x + h) - f(x - h)) / (2 * h)
}

/** What reaches the generator at its own mean. */
function picture(): string {
  const distances = Array.from({ length: 61 }, (_, i) => 0.5 + i / 8)
  return linePlot({
    title: 'Gradient for a generated point at the fake mean',
    x: 'distance of the means',
    y: 'log₁₀ |gradient|',
    lines: [
      {
        name: 'minimax, log(1 − D)',
        points: distances.map((m) => [
          m,
          Math.log10(Math.abs(slope((x) => Math.log1p(-optimalDiscriminator(m, x)), m))),
        ]),
      },
      {
        name: '−log D',
        points: distances.map((m) => [m, Math.log10(Math.abs(slope(logDiscriminator(m), m)))]),
      },
      { name: 'WGAN critic', points: distances.map((m) => [m, 0]) },
    ],
  })
}
