import { discreteDivergences, discreteWasserstein, parallelLines, seededUniforms } from '@kantor/training/oracles'
import type { Experiment, Finding } from './experiment.js'
import { linePlot } from './plot.js'

const THETAS = [-1, -0.5, -0.1, 0, 0.1, 0.5, 1]
const NUM_POINTS = 256
/** Squares per side: two lines that are apart lie in different columns, and each has the same share of every row. */
const SIDE = 16

/** Points on each line are drawn apart, as samples are: at θ = 0 their W₁ is the sampling error, .02 at 256 points. */
const SAMPLING = 0.04

export const thetaSweep: Experiment = {
  name: 'theta-sweep',
  question: 'Which distances between parallel lines say how far apart they are?',
  claim: 'Between parallel lines W₁ is |θ|, while JS, TV and KL jump at θ = 0 and are flat elsewhere.',
  source: 'Arjovsky et al. 2017, Example 1 and Fig. 1',
  run: () => THETAS.flatMap((theta) => atTheta(theta)),
  picture,
}

function atTheta(theta: number): Finding[] {
  const uniform = seededUniforms(1)
  const line = (x: number) => Float64Array.from({ length: 2 * NUM_POINTS }, (_, i) => (i % 2 === 0 ? x : uniform()))
  const truth = parallelLines(theta)
  const measured = discreteDivergences(histogram(0), histogram(theta))
  const exactly = (name: 'js' | 'tv' | 'kl') => ({
    name: `${name} at ${theta}`,
    truth: truth[name],
    measured: measured[name],
    tolerance: 1e-9,
  })
  return [
    {
      name: `w1 at ${theta}`,
      truth: truth.w1,
      measured: discreteWasserstein(line(0), line(theta), 2),
      tolerance: SAMPLING,
    },
    exactly('js'),
    exactly('tv'),
    exactly('kl'),
  ]
}

/** The law of (x, Z) on a grid over [−1, 1] × [0, 1], finer in x than the smallest θ. */
function histogram(x: number): number[] {
  const columns = 2 * SIDE + 1
  const law = Array<number>(columns * SIDE).fill(0)
  const column = Math.round((x + 1) * SIDE)
  for (let row = 0; row < SIDE; row++) law[row * columns + column] = 1 / SIDE
  return law
}

/** Fig. 1. */
function picture(): string {
  const thetas = Array.from({ length: 81 }, (_, i) => i / 40 - 1)
  const line = (name: string, of: (theta: number) => number) => ({
    name,
    points: thetas.map((theta) => [theta, of(theta)]),
  })
  return linePlot({
    title: 'Distances between two lines θ apart',
    x: 'θ',
    y: 'distance',
    lines: [
      line('W₁', (theta) => parallelLines(theta).w1),
      line('JS', (theta) => parallelLines(theta).js),
      line('TV', (theta) => parallelLines(theta).tv),
    ],
  })
}
