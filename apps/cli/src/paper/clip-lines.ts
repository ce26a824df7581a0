import { factor, type Finding, type Training } from './experiment.js'
import { linePlot } from './plot.js'
import { shiftGame, FROZEN, settled } from './point-jobs.js'

const CLIP = 0.01
const THETAS = [0.5, 1, 2]
/** Linear layers of the critic. */
const LAYERS = 4
const GENERATOR_STEPS = 500

/** A critic whose weights all sit on ±c, half of its units active. */
const slopeOf = (width: number) => (CLIP * (CLIP * width) ** (LAYERS - 1)) / 2 ** (LAYERS - 1)

export const clipLines: Training = {
  name: 'clip-lines',
  question: 'And a critic whose weights are clipped?',
  claim:
    'Under weight clipping the estimate is a multiple of θ that the width decides: c(cn)³/2³ for three hidden layers of n units. It ranks; it is no distance.',
  source: 'Arjovsky et al. 2017, section 3 (the constant K); the scale of a saturated ReLU network',
  async train(lab) {
    const widths = lab.fast ? [64, 128] : [64, 128, 512]
    const runs = await Promise.all(
      widths.flatMap((width) =>
        THETAS.map(async (theta) => {
          const dataset = await lab.points({ kind: 'lines', theta, seed: 1 })
          const { curve } = await lab.train({
            name: `clip-lines ${width} wide, θ ${theta}`,
            spec: shiftGame({
              dataset,
              latentSize: 1,
              width,
              objective: { kind: 'wgan-clip', clip: CLIP, clamp: 'after' },
              optimizer: { kind: 'rmsprop', criticLearningRate: 5e-5, generatorLearningRate: FROZEN },
              generatorSteps: GENERATOR_STEPS,
            }),
          })
          return { width, theta, slope: settled(await curve('w_estimate')) / theta }
        }),
      ),
    )
    const findings = widths.flatMap((width): Finding[] => {
      const slopes = runs.filter((run) => run.width === width).map(({ slope }) => slope)
      return [
        ...THETAS.map((theta, i) => factor(2, `estimate / θ, ${width} wide, θ = ${theta}`, slopeOf(width), slopes[i]!)),
        factor(1.4, `largest over smallest of them, ${width} wide`, 1, Math.max(...slopes) / Math.min(...slopes)),
      ]
    })
    const picture = linePlot({
      title: 'Clipped estimate over θ, by width of the critic',
      x: 'θ',
      y: 'log₁₀ estimate',
      lines: widths.flatMap((width) => {
        const own = runs.filter((run) => run.width === width)
        return [
          { name: `${width} wide`, points: own.map(({ theta, slope }) => [theta, Math.log10(slope * theta)]) },
          {
            name: `c(cn)³/8`,
            dashed: true,
            points: THETAS.map((theta) => [theta, Math.log10(slopeOf(width) * theta)]),
          },
        ]
      }),
    })
    return { findings, picture }
  },
}
