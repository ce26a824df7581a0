import { drawnLaw } from '@kantor/datasets'
import { atLeast, type Finding, type Training } from './experiment.js'
import type { Lab, Trained } from './lab.js'
import { type Coverage, judgeModes } from './modes.js'
import { scatterPlot } from './plot.js'
import { mlpGame, type PointJob, settlingAdam } from './point-jobs.js'

/** Ten times that of the toy experiments in the literature, which hold it; it falls to nothing in runs ten times as short. */
const RATE = 1e-3

interface Target {
  kind: 'ring-8' | 'grid-25'
  /** Modes that every run must find: with `--fast`, and in the long runs. */
  modes: { fast: number; full: number }
  highQuality: number
  generatorSteps: { fast: number; full: number }
}

export const ring: Target = {
  kind: 'ring-8',
  modes: { fast: 8, full: 8 },
  highQuality: 0.5,
  generatorSteps: { fast: 4000, full: 20_000 },
}
const grid: Target = {
  kind: 'grid-25',
  modes: { fast: 23, full: 24 },
  highQuality: 0.2,
  generatorSteps: { fast: 6000, full: 40_000 },
}
/** PacGAN2 on the ring and PacGAN4 on the grid, its best: what the long runs aim at, beside what a plain GAN finds. */
const published =
  'Lin et al. 2018, Table 1: GAN 6.3 / 17.3 modes, PacGAN 7.9 / 24.8 with 95.6 % / 93.6 % of high quality'

export const seedsOf = ({ fast }: Lab): number[] => (fast ? [1, 2] : [1, 2, 3, 4, 5])

export const modeCoverage: Training = {
  name: 'mode-coverage',
  question: 'Does a WGAN find all modes of a law?',
  claim:
    'A generator trained against a penalised critic finds all eight modes of a ring and nearly all twenty-five of a grid, from every seed.',
  source: `protocol of ${published}`,
  async train(lab) {
    const seeds = seedsOf(lab)
    const runs = await Promise.all(
      [ring, grid].flatMap((target) =>
        seeds.map(async (seed) => ({ target, seed, ...(await cover(lab, target, seed)) })),
      ),
    )
    const findings = runs.flatMap(({ target, seed, covered, highQuality }): Finding[] => [
      atLeast(target.modes[lab.fast ? 'fast' : 'full'], `modes of ${target.kind}, seed ${seed}`, covered),
      atLeast(target.highQuality, `share of high quality on ${target.kind}, seed ${seed}`, highQuality),
    ])
    const picture = scatterPlot(
      runs
        .filter(({ seed }) => seed === 1)
        .map(({ target, points, covered }) => ({
          title: `${target.kind}: ${covered} modes`,
          points,
          centres: drawnLaw({ kind: target.kind, seed: 1 }).modes.map(({ centre }) => centre),
        })),
    )
    return { findings, picture }
  },
}

export const penalised = { kind: 'wgan-gp', lambda: 0.1 } as const

async function cover(lab: Lab, target: Target, seed: number): Promise<Coverage> {
  const { checkpoint } = await play(lab, target, { objective: penalised, seed })
  return judgeModes(await checkpoint(), drawnLaw({ kind: target.kind, seed: 1 }).modes)
}

/** The game on a target's law, for any objective. */
export async function play(
  lab: Lab,
  target: Target,
  { objective, seed }: Required<Pick<PointJob, 'objective' | 'seed'>>,
): Promise<Trained> {
  const generatorSteps = target.generatorSteps[lab.fast ? 'fast' : 'full']
  return lab.train({
    name: `${target.kind} ${objective?.kind} seed ${seed}`,
    spec: mlpGame({
      dataset: await lab.points({ kind: target.kind, seed: 1 }),
      objective,
      optimizer: settlingAdam(generatorSteps, RATE),
      generatorSteps,
      seed,
    }),
  })
}
