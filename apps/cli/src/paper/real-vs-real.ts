import { openPoints } from '@kantor/datasets'
import { atMost, type Training } from './experiment.js'
import { readMlp } from './mlp.js'
import { linePlot } from './plot.js'
import { adam, mean, mlpGame } from './point-jobs.js'

const law = { kind: 'ring-8', seed: 1 } as const
/** Real points per side, from the far end of the set, of which training has seen nothing. */
const HALF = 20_000
const GENERATOR_STEPS = 300

export const realVsReal: Training = {
  name: 'real-vs-real',
  question: 'How much of an estimate is noise?',
  claim:
    'Between two halves of the real points the same critic estimates next to nothing: what it tells of the generator is no artefact of finite batches.',
  source: 'the floor below which an estimate is noise',
  async train(lab) {
    const trained = await lab.train({
      name: 'real-vs-real',
      spec: mlpGame({
        dataset: await lab.points(law),
        objective: { kind: 'wgan-gp', lambda: 0.1 },
        optimizer: adam(5e-4),
        generatorSteps: GENERATOR_STEPS,
      }),
    })
    const estimates = await trained.curve('w_estimate')
    const { forward } = readMlp(await trained.checkpoint(), 'netD.')
    const source = openPoints(law)
    const scoreOf = (from: number) => {
      const points = source.read(Int32Array.from({ length: HALF }, (_, i) => source.numImages - 1 - from - i))
      return mean(Array.from({ length: HALF }, (_, i) => forward(points.subarray(2 * i, 2 * i + 2))[0] as number))
    }
    const floor = Math.abs(scoreOf(0) - scoreOf(HALF))
    const estimate = mean(estimates.slice(-20))
    const picture = linePlot({
      title: 'The estimate, and the same critic’s between two halves of the real points',
      x: 'generator step',
      y: 'estimate',
      lines: [
        { name: 'real and generated', points: estimates.map((value, step) => [step + 1, value]) },
        {
          name: 'real and real',
          points: [
            [1, floor],
            [GENERATOR_STEPS, floor],
          ],
        },
      ],
    })
    return { findings: [atMost(0.05, 'real against real, over the estimate', floor / estimate)], picture }
  },
}
