import type { JobSpecInput } from '@kantor/contracts'
import { drawAt } from '@kantor/datasets'
import sharp from 'sharp'
import { factor, type Training } from './experiment.js'
import { linePlot } from './plot.js'
import { FROZEN } from './point-jobs.js'

const IMAGE_SIZE = 64
const BATCH = 64
const NUM_IMAGES = 10 * BATCH
/** Critic steps of one generator step, which is a point of the curve. */
const CRITIC_STEPS = 10
const GENERATOR_STEPS = 20

const variants = [
  { name: 'clipped with the rest', truth: 1.53, critic: 'dcgan', clipBatchNorm: true },
  { name: 'left free', truth: 97.2, critic: 'dcgan', clipBatchNorm: false },
  { name: 'no batch norm', truth: 3095, critic: 'dcgan-nobn', clipBatchNorm: true },
] as const

export const bnClip: Training = {
  name: 'bn-clip',
  question: 'What does it matter that the authors clip the scales and offsets of batch norm too?',
  claim:
    'In the authors’ critic the clamp works through batch norm: with its scales and offsets clipped the estimate starts near 1.5, with them left free it is sixty times as high, without batch norm two thousand times.',
  source: 'Arjovsky’s main.py, which clamps every parameter; the truths are a PyTorch restatement’s, on other noise',
  async train(lab) {
    const dataset = await lab.images('noise', await noise())
    const curves = await Promise.all(
      variants.map(async ({ name, critic, clipBatchNorm }) => {
        const { curve } = await lab.train({ name: `bn-clip ${name}`, spec: specOf(dataset, critic, clipBatchNorm) })
        return curve('w_estimate')
      }),
    )
    const findings = variants.map(({ name, truth }, i) =>
      factor(2, `estimate after ${CRITIC_STEPS * GENERATOR_STEPS} critic steps: ${name}`, truth, curves[i]!.at(-1)!),
    )
    const picture = linePlot({
      title: 'Estimate between noise and an untrained generator, by scales and offsets',
      x: 'critic step',
      y: 'log₁₀ estimate',
      lines: variants.map(({ name }, i) => ({
        name,
        points: curves[i]!.map((value, step) => [(step + 1) * CRITIC_STEPS, Math.log10(value)]),
      })),
    })
    return { findings, picture }
  },
}

const specOf = (dataset: string, critic: 'dcgan' | 'dcgan-nobn', clipBatchNorm: boolean): JobSpecInput => ({
  dataset,
  model: { imageSize: IMAGE_SIZE, critic },
  objective: { kind: 'wgan-clip', clipBatchNorm },
  optimizer: { kind: 'rmsprop', generatorLearningRate: FROZEN },
  schedule: { criticSteps: CRITIC_STEPS, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
  batchSize: BATCH,
  precision: 'bfloat16',
  lowerings: 'direct',
  seed: 1,
  budget: { generatorSteps: GENERATOR_STEPS },
  sampling: { every: 1000, count: 16 },
  checkpoint: { everySteps: 1000, everySeconds: 86_400 },
})

/** PNG files of uniform colour noise. */
const noise = () =>
  Promise.all(
    Array.from({ length: NUM_IMAGES }, (_, i) => {
      const { uniform } = drawAt(1, i)
      const pixels = Uint8Array.from({ length: 3 * IMAGE_SIZE ** 2 }, () => 256 * uniform())
      const raw = { width: IMAGE_SIZE, height: IMAGE_SIZE, channels: 3 } as const
      return sharp(pixels, { raw }).png({ compressionLevel: 1 }).toBuffer()
    }),
  )
