import { type DigitRun, overMeanDigit, seedsOf, trainBoth } from './digit-jobs.js'
import { atLeast, atMost, type Finding, type Training } from './experiment.js'
import { sheetPlot } from './sheet-plot.js'

interface Hard extends Pick<Training, 'name' | 'question' | 'claim' | 'source'> {
  generator: 'dcgan-constant' | 'mlp'
}

/** A generator that the paper's standard GAN could not train: both games from the same seed, against the same DCGAN critic. */
const hardGenerator = ({ generator, ...told }: Hard): Training => ({
  ...told,
  async train(lab) {
    const pairs = await Promise.all(seedsOf(lab).map((seed) => trainBoth(lab, generator, seed)))
    const findings = pairs.flatMap(({ wgan, gan }): Finding[] => {
      const of = `seed ${wgan.seed}`
      return [
        atMost(0.5, `WGAN: distance of the samples over the mean digit’s, ${of}`, overMeanDigit(wgan)),
        atLeast(0.6, `WGAN: diversity of the samples over real digits’, ${of}`, wgan.diversity),
        atLeast(1, `GAN: distance of the samples over the mean digit’s, ${of}`, overMeanDigit(gan)),
        atMost(0.5, `GAN: diversity of the samples over real digits’, ${of}`, gan.diversity),
      ]
    })
    const { wgan, gan } = pairs[0]!
    const picture = sheetPlot([
      { title: `WGAN, ${generator}: ${says(wgan)}`, ...wgan.sheet },
      { title: `Standard GAN, ${generator}: ${says(gan)}`, ...gan.sheet },
    ])
    return { findings, picture }
  },
})

const says = ({ distances, floor }: DigitRun) =>
  `sliced W₁ to digits ${distances.at(-1)!.toFixed(3)}, of real ones ${floor.toFixed(3)}`

const judged = 'there judged by eye on LSUN, here by the sliced W₁ of samples to held-out digits and by their diversity'

export const noBn = hardGenerator({
  name: 'no-bn',
  generator: 'dcgan-constant',
  question: 'Does a WGAN train a generator without batch norm, of one width throughout?',
  claim:
    'Without batch norm and with one width throughout, a generator learns digits from a WGAN critic; from the discriminator of a standard GAN it learns nothing.',
  source: `Arjovsky et al. 2017, Fig. 6; ${judged}`,
})

export const mlp = hardGenerator({
  name: 'mlp',
  generator: 'mlp',
  question: 'And one without convolutions?',
  claim:
    'A plain MLP learns digits from a WGAN critic, with their variety; a standard GAN lets it collapse to one image.',
  source: `Arjovsky et al. 2017, Fig. 7; ${judged}`,
})
