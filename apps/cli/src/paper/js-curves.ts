import { overMeanDigit, seedsOf, trainBoth } from './digit-jobs.js'
import { atLeast, atMost, type Finding, type Training } from './experiment.js'
import { linePlot } from './plot.js'
import { rankCorrelation } from './rank-correlation.js'

export const jsCurves: Training = {
  name: 'js-curves',
  question: 'Does a discriminator’s estimate?',
  claim:
    'The Jensen-Shannon estimate of a standard GAN does not: it stays up, or rises, while the samples of a DCGAN get better, and hardly ranks them, where a critic’s estimate does.',
  source:
    'Arjovsky et al. 2017, Fig. 4: log 2 − L/2 of the discriminator’s loss L, on the networks and digits of `curves`',
  async train(lab) {
    const pairs = await Promise.all(seedsOf(lab).map((seed) => trainBoth(lab, 'dcgan', seed)))
    const findings = pairs.flatMap(({ gan, wgan }): Finding[] => {
      const [own, critics] = [gan, wgan].map((run) => rankCorrelation(run.estimates, run.distances))
      return [
        atMost(0.5, `distance of the samples over the mean digit’s, seed ${gan.seed}`, overMeanDigit(gan)),
        atLeast(
          0.5,
          `JS estimate at the end over its first, seed ${gan.seed}`,
          gan.estimates.at(-1)! / gan.estimates[0]!,
        ),
        atMost(0.6, `rank correlation of estimate and distance, seed ${gan.seed}`, own!),
        atLeast(0.3, `how far it falls short of a WGAN’s, seed ${gan.seed}`, critics! - own!),
      ]
    })
    const { steps, estimates, distances, meanDigit, floor } = pairs[0]!.gan
    const relative = (values: number[]) => values.map((value, i) => [steps[i]!, value])
    const picture = linePlot({
      title: 'A standard GAN on MNIST: its JS estimate while samples get better',
      x: 'generator step',
      y: 'JS, nats · distance over the mean digit’s',
      lines: [
        { name: 'JS estimate', points: relative(estimates) },
        { name: 'distance of samples', points: relative(distances.map((distance) => distance / meanDigit)) },
        { name: 'floor', dashed: true, points: relative(steps.map(() => floor / meanDigit)) },
        { name: 'log 2', dashed: true, points: relative(steps.map(() => Math.LN2)) },
      ],
    })
    return { findings, picture }
  },
}
