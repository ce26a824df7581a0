import { type Training, within } from './experiment.js'
import type { Lab } from './lab.js'
import { linePlot } from './plot.js'
import { adam, shiftGame, FROZEN, settled } from './point-jobs.js'

const CRITIC_STEPS = 5
const GENERATOR_STEPS = 500

interface Case {
  theta: number
  lambda: number
  sides: 1 | 2
}

const fastCases: Case[] = [
  { theta: 0.5, lambda: 10, sides: 2 },
  { theta: 1, lambda: 0.1, sides: 2 },
  { theta: 2, lambda: 10, sides: 2 },
  { theta: 1, lambda: 1, sides: 1 },
]
const allCases: Case[] = [0.5, 1, 2].flatMap((theta) =>
  [0.1, 1, 10].flatMap((lambda) => ([1, 2] as const).map((sides) => ({ theta, lambda, sides }))),
)

/** The best critic between translated laws is linear with slope g = 1 + θ / 2λ, the maximum of gθ − λ(g − 1)². */
export const gpLines: Training = {
  name: 'gp-lines',
  question: 'What does a critic under a gradient penalty estimate where the distance is known?',
  claim:
    'Under a gradient penalty the estimate between two lines θ apart is θ(1 + θ/2λ), not θ: the penalty is a price, not a bound. One- and two-sided agree.',
  source: 'Gulrajani et al. 2017, equation 3, solved for translated laws',
  async train(lab) {
    const cases = lab.fast ? fastCases : allCases
    const curves = await Promise.all(cases.map((one) => learn(lab, one)))
    const findings = cases.flatMap(({ theta, lambda, sides }, i) => {
      const { estimates, objectives } = curves[i]!
      const at = `at θ = ${theta}, λ = ${lambda}${sides === 1 ? ', one-sided' : ''}`
      return [
        within(0.01, `estimate ${at}`, theta * (1 + theta / (2 * lambda)), settled(estimates)),
        within(0.01, `less λ · penalty ${at}`, theta + theta ** 2 / (4 * lambda), settled(objectives)),
      ]
    })
    const picture = linePlot({
      title: 'Estimate over its truth θ(1 + θ/2λ)',
      x: 'critic step',
      y: 'ratio',
      lines: cases.map(({ theta, lambda, sides }, i) => ({
        name: `θ ${theta}, λ ${lambda}${sides === 1 ? ', one-sided' : ''}`,
        points: curves[i]!.estimates.map((value, step) => [
          (step + 1) * CRITIC_STEPS,
          value / (theta * (1 + theta / (2 * lambda))),
        ]),
      })),
    })
    return { findings, picture }
  },
}

async function learn(lab: Lab, { theta, lambda, sides }: Case) {
  const dataset = await lab.points({ kind: 'lines', theta, seed: 1 })
  const { curve } = await lab.train({
    name: `gp-lines θ ${theta} λ ${lambda} sides ${sides}`,
    spec: shiftGame({
      dataset,
      latentSize: 1,
      objective: { kind: 'wgan-gp', lambda, sides },
      optimizer: adam(1e-3, FROZEN),
      criticSteps: CRITIC_STEPS,
      generatorSteps: GENERATOR_STEPS,
    }),
  })
  const losses = await curve('critic_loss')
  return { estimates: await curve('w_estimate'), objectives: losses.map((loss) => -loss) }
}
