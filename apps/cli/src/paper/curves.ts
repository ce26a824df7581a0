import { overMeanDigit, seedsOf, trainOnDigits } from './digit-jobs.js'
import { atLeast, atMost, type Finding, type Training } from './experiment.js'
import { linePlot } from './plot.js'
import { rankCorrelation } from './rank-correlation.js'

const GENERATORS = ['dcgan', 'mlp'] as const

export const curves: Training = {
  name: 'curves',
  question: 'Does the estimate tell how good samples are?',
  claim:
    'The Wasserstein estimate falls as samples get better: over a training on MNIST it ranks them as their distance to held-out digits does, whichever the generator.',
  source:
    'Arjovsky et al. 2017, Fig. 3; there judged by eye on LSUN, here by the sliced W₁ of 256 samples to as many held-out digits, 16 × 16',
  async train(lab) {
    const runs = await Promise.all(
      GENERATORS.flatMap((generator) =>
        seedsOf(lab).map(async (seed) => ({
          generator,
          ...(await trainOnDigits(lab, { generator, game: 'wgan', seed })),
        })),
      ),
    )
    const findings = runs.flatMap(({ generator, ...run }): Finding[] => {
      const of = `${generator}, seed ${run.seed}`
      return [
        atLeast(0.6, `rank correlation of estimate and distance, ${of}`, rankCorrelation(run.estimates, run.distances)),
        atMost(0.6, `estimate at the end over its first, ${of}`, run.estimates.at(-1)! / run.estimates[0]!),
        atMost(0.5, `distance of the samples over the mean digit’s, ${of}`, overMeanDigit(run)),
      ]
    })
    const shown = runs.filter(({ seed }) => seed === 1)
    const [{ steps, floor, distances }] = shown as [(typeof runs)[number]]
    const picture = linePlot({
      title: 'WGANs on MNIST: the estimate and the distance of samples, over their first',
      x: 'generator step',
      y: 'share of the first',
      lines: [
        ...shown.flatMap((run) => [
          { name: `estimate, ${run.generator}`, points: overFirst(run.steps, run.estimates) },
          { name: `distance, ${run.generator}`, points: overFirst(run.steps, run.distances) },
        ]),
        { name: 'floor, dcgan', dashed: true, points: steps.map((step) => [step, floor / distances[0]!]) },
      ],
    })
    return { findings, picture }
  },
}

const overFirst = (steps: number[], values: number[]) => values.map((value, i) => [steps[i]!, value / values[0]!])
