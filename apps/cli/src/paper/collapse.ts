import type { JobSpecInput } from '@kantor/contracts'
import { drawnLaw } from '@kantor/datasets'
import { atLeast, atMost, type Finding, type Training } from './experiment.js'
import type { Lab } from './lab.js'
import { penalised, play, ring, seedsOf } from './mode-coverage.js'
import { type Coverage, judgeModes } from './modes.js'
import { scatterPlot } from './plot.js'

const { modes } = drawnLaw({ kind: ring.kind, seed: 1 })
/** Critic health says `collapsed` below it. */
const LITTLE = 0.6

interface Run extends Coverage {
  /** Mean distance of two samples over that of two real points. */
  diversity: number
}

export const collapse: Training = {
  name: 'collapse',
  question: 'Does a WGAN keep modes that a standard GAN loses?',
  claim:
    'From the same weights, by the same steps and at the same rates, a WGAN keeps all eight modes of a ring from every seed; a standard GAN is left with some of them from some seeds, and the diversity of its samples tells.',
  source: 'Arjovsky et al. 2017, section 3; Lin et al. 2018, Table 1: a standard GAN finds 6.3 of the eight on average',
  async train(lab) {
    const pairs = await Promise.all(
      seedsOf(lab).map(async (seed) => {
        const [wgan, gan] = await Promise.all([
          outcome(lab, penalised, seed),
          outcome(lab, { kind: 'non-saturating' }, seed),
        ])
        return { seed, wgan, gan }
      }),
    )
    const poorest = pairs.map(({ gan }) => gan).reduce((least, gan) => (gan.covered < least.covered ? gan : least))
    const findings = [
      ...pairs.flatMap(({ seed, wgan }): Finding[] => [
        atLeast(modes.length, `WGAN: modes, seed ${seed}`, wgan.covered),
        atLeast(LITTLE, `WGAN: diversity over real points’, seed ${seed}`, wgan.diversity),
      ]),
      atMost(modes.length - 1, `standard GAN: modes, the fewest of ${pairs.length} seeds`, poorest.covered),
      atMost(LITTLE, 'and the diversity of that run', poorest.diversity),
    ]
    const centres = modes.map(({ centre }) => centre)
    const picture = scatterPlot(
      pairs.slice(0, 2).flatMap(({ seed, wgan, gan }) => [
        { title: `WGAN, seed ${seed}: ${wgan.covered} modes`, points: wgan.points, centres },
        { title: `Standard GAN, seed ${seed}: ${gan.covered}`, points: gan.points, centres },
      ]),
    )
    return { findings, picture }
  },
}

async function outcome(lab: Lab, objective: JobSpecInput['objective'], seed: number): Promise<Run> {
  const { checkpoint, curve } = await play(lab, ring, { objective, seed })
  return { ...judgeModes(await checkpoint(), modes), diversity: (await curve('diversity')).at(-1)! }
}
