import { atLeast, type Training, violations } from './experiment.js'
import { linePlot } from './plot.js'
import { adam, shiftGame } from './point-jobs.js'

/** One number against a critic that follows it back and forth: the gradient turns round each time, the momentum later. */
const law = { kind: 'lines', theta: 1, seed: 1 } as const
/** High enough that weights of ±0.01 cross the box in a few steps. */
const RATE = 1e-2
/** A twentieth. Three seeds gave 58 to 61 of 400. */
const CLIMBING = 20
/** RMSProp, which the authors took instead, is the control. */
const optimizers = [
  { name: 'RMSProp', optimizer: { kind: 'rmsprop', criticLearningRate: RATE, generatorLearningRate: RATE } },
  ...[0, 0.5, 0.9].map((beta1) => ({ name: `β₁ = ${beta1}`, optimizer: { ...adam(RATE), beta1, beta2: 0.999 } })),
] as const
const GENERATOR_STEPS = 400

export const adamCosine: Training = {
  name: 'adam-cosine',
  question: 'Why did the authors give up Adam?',
  claim:
    'With momentum the critic’s update points up its own loss at times: the cosine between Adam’s step and the negative gradient turns negative. Without momentum (β₁ = 0, or the RMSProp they took) it cannot, since every weight then moves against its own gradient.',
  source: 'Arjovsky et al. 2017, section 4.2; the sign is exact without momentum',
  async train(lab) {
    const dataset = await lab.points(law)
    const cosines = await Promise.all(
      optimizers.map(async ({ name, optimizer }) => {
        const { curve } = await lab.train({
          name: `adam-cosine ${name}`,
          spec: shiftGame({
            dataset,
            objective: { kind: 'wgan-clip' },
            optimizer,
            generatorSteps: GENERATOR_STEPS,
            latentSize: 1,
          }),
        })
        return curve('critic_update_cosine')
      }),
    )
    const climbing = cosines.map((values) => values.filter((value) => value < 0).length)
    const findings = [
      violations('steps that climb with RMSProp', climbing[0]!),
      violations('steps that climb with β₁ = 0', climbing[1]!),
      atLeast(CLIMBING, 'steps that climb with β₁ = 0.9', climbing.at(-1)!),
    ]
    const picture = linePlot({
      title: 'Cosine between the critic’s update and its negative gradient',
      x: 'generator step',
      y: 'cosine',
      lines: optimizers.map(({ name }, i) => ({
        name,
        points: cosines[i]!.map((value, step) => [step + 1, value]),
      })),
    })
    return { findings, picture }
  },
}
