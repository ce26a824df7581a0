import { type DigitRun, seedsOf, trainBoth, wayCovered } from './digit-jobs.js'
import { atLeast, atMost, type Finding, type Training } from './experiment.js'
import { sheetPlot } from './sheet-plot.js'

interface Hard extends Pick<Training, 'name' | 'question' | 'claim' | 'source'> {
  generator: 'dcgan-constant' | 'mlp'
  /** How the GAN fails. */
  failure: (gan: DigitRun, of: string) => Finding
}

/** A generator that the paper's standard GAN could not train: both games from the same seed, against the same DCGAN critic. */
const hardGenerator = ({ generator, failure, ...told }: Hard): Training => ({
  ...told,
  async train(lab) {
    const pairs = await Promise.all(seedsOf(lab).map((seed) => trainBoth(lab, generator, seed)))
    const findings = pairs.flatMap(({ wgan, gan }): Finding[] => {
      const of = `seed ${wgan.seed}`
      return [
        atLeast(0.75, `WGAN: way of the samples from untrained to real, ${of}`, wayCovered(wgan)),
        atLeast(0.6, `WGAN: diversity of the samples over real digits’, ${of}`, wgan.diversity),
        failure(gan, of),
        atMost(0.5, `distance of WGAN’s samples to real digits over GAN’s, ${of}`, lastOf(wgan) / lastOf(gan)),
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

const lastOf = ({ distances }: DigitRun) => distances.at(-1) as number

const says = (run: DigitRun) => `sliced W₁ to digits ${lastOf(run).toFixed(3)}, of real ones ${run.floor.toFixed(3)}`

const judged = 'there judged by eye on LSUN, here by the sliced W₁ of samples to held-out digits and by their diversity'

export const noBn = hardGenerator({
  name: 'no-bn',
  generator: 'dcgan-constant',
  question: 'Does a WGAN train a generator without batch norm, of one width throughout?',
  claim:
    'Without batch norm and with one width throughout, a generator learns digits from a WGAN critic; from the discriminator of a standard GAN it learns nothing.',
  source: `Arjovsky et al. 2017, Fig. 6; ${judged}`,
  failure: (gan, of) => atMost(0.5, `GAN: way of the samples from untrained to real, ${of}`, wayCovered(gan)),
})

export const mlp = hardGenerator({
  name: 'mlp',
  generator: 'mlp',
  question: 'And one without convolutions?',
  claim:
    'A plain MLP learns digits from a WGAN critic, with their variety; a standard GAN lets it collapse to one image.',
  source: `Arjovsky et al. 2017, Fig. 7; ${judged}`,
  failure: (gan, of) => atMost(0.5, `GAN: diversity of the samples over real digits’, ${of}`, gan.diversity),
})
