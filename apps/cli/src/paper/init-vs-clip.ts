import { normalCdf } from '@kantor/training/oracles'
import type { JobSpecInput } from '@kantor/contracts'
import { type Finding, type Training } from './experiment.js'
import type { Lab } from './lab.js'
import { weightsIn } from './mlp.js'
import { linePlot } from './plot.js'
import { FROZEN } from './point-jobs.js'

const DEVIATION = 0.02
const CLIPS = [0.001, 0.01, 0.1]
/** A percentage point. */
const TOLERANCE = 1

export const initVsClip: Training = {
  name: 'init-vs-clip',
  question: 'How does the authors’ initialisation sit in their box?',
  claim:
    'The authors draw weights with deviation .02 and clip them at .01: after the first clamp 61.7 % of them lie on the box, two spikes from the start. A box of .001 takes 96 %, one of .1 none.',
  source: 'Arjovsky’s main.py (weights_init, clamp); P(|N(0, .02)| > c)',
  async train(lab) {
    const shares = await Promise.all(CLIPS.map((clip) => shareOnTheBox(lab, clip)))
    const findings = CLIPS.map((clip, i): Finding => ({
      name: `% of convolution weights on ±${clip} after the first clamp`,
      truth: expected(clip),
      measured: shares[i]!,
      tolerance: TOLERANCE,
    }))
    const fine = Array.from({ length: 60 }, (_, i) => 10 ** (-3 + i / 29.5))
    const picture = linePlot({
      title: 'Weights on the box after the first clamp, %',
      x: 'log₁₀ c',
      y: '% on ±c',
      lines: [
        { name: 'P(|N(0, .02)| > c)', dashed: true, points: fine.map((clip) => [Math.log10(clip), expected(clip)]) },
        { name: 'measured', points: CLIPS.map((clip, i) => [Math.log10(clip), shares[i]!]) },
      ],
    })
    return { findings, picture }
  },
}

const expected = (clip: number) => 200 * normalCdf(-clip / DEVIATION)

/** The critic's update is frozen, so that its checkpoint holds what the clamp before it left. */
async function shareOnTheBox(lab: Lab, clip: number): Promise<number> {
  const spec: JobSpecInput = {
    dataset: 'mnist',
    model: { imageSize: 16, generatorFilters: 8, criticFilters: 64, latentSize: 8 },
    objective: { kind: 'wgan-clip', clip, clamp: 'before' },
    optimizer: { kind: 'rmsprop', criticLearningRate: FROZEN, generatorLearningRate: FROZEN },
    schedule: { criticSteps: 1, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    batchSize: 8,
    seed: 1,
    lowerings: 'direct',
    budget: { generatorSteps: 1 },
    sampling: { every: 1000, count: 8 },
  }
  const { checkpoint } = await lab.train({ name: `init-vs-clip c ${clip}`, spec })
  const weights = weightsIn(await checkpoint(), 'netD.')
  let [on, all] = [0, 0]
  for (const [name, values] of weights) {
    if (!name.endsWith('conv.weight')) continue
    all += values.length
    on += values.filter((value) => Math.abs(value) >= clip * (1 - 1e-6)).length
  }
  return (100 * on) / all
}
