import {
  randomNormal,
  randomUniform,
  type Step,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
} from '@kantor/engine'
import type { ImageSource } from '../events.js'
import type { Game } from '../game.js'
import { squaredGradientNorms } from '../objectives/squared-gradient-norms.js'
import { between } from '../objectives/wgan-gp.js'
import { drawnSources } from '../step/game-program.js'

/** Looks at both networks that move nothing: batch norm by the statistics of the batch, running ones untouched. Each answers `found`. */
export interface Probes {
  /** Inputs `real`, `latent`, `factors`: mean ‖∇f‖ at real, generated and between images, and the largest of all, [4]. */
  slopes: Step
  /** Input `real`: the norm of ∂ mean D / ∂a for the output a of every layer with a weight matrix, from the images up, [layers]. */
  layers: Step
  /** Inputs `first`, `second` (real batches), `heldOut` where there is one, `latent`: mean D on each and on the fake batch, [3 or 4]. */
  scores: Step
}
export type ProbeName = keyof Probes

export interface ProbeShape {
  /** Images per batch. */
  count: number
  imageSize: number
  channels: number
  dtype: ImageSource['dtype']
  latentSize: number
  /** A batch that was never trained on is given too. */
  heldOut: boolean
}

const seed = { shape: [2], dtype: 'int32' } as const

export function createProbes(
  game: Game,
  { count, imageSize, channels, dtype, latentSize, heldOut }: ProbeShape,
): Probes {
  const { generator, critic } = game
  const real = drawnSources.images([count, imageSize, imageSize, channels], dtype)
  const pixels = real.spec
  const imagesOf = (fed: Tensor | undefined) => real.tensor(fed as Tensor) as Tensor4D
  const score = (imagesNHWC: Tensor4D) => critic.forward(imagesNHWC, 'batch') as Tensor1D
  const meanScore = (imagesNHWC: Tensor4D) => tf.mean(score(imagesNHWC))
  const generated = (latent: Tensor | undefined) =>
    generator.forward(randomNormal<Tensor2D>([count, latentSize], latent as Tensor1D), 'batch') as Tensor4D

  return {
    slopes: {
      inputs: { real: pixels, latent: seed, factors: seed },
      step: (fed) => {
        const batch = {
          realNHWC: imagesOf(fed['real']),
          fakeNHWC: generated(fed['latent']),
          factorsN: randomUniform<Tensor1D>([count], fed['factors'] as Tensor1D),
        }
        const places = [batch.realNHWC, batch.fakeNHWC, between(batch)]
        const norms = places.map((at) => tf.sqrt(squaredGradientNorms(score, at)) as Tensor1D)
        return { found: tf.stack([...norms.map((norm) => tf.mean(norm)), tf.max(tf.concat(norms))]) }
      },
    },
    layers: {
      inputs: { real: pixels },
      step: (fed) => {
        const realNHWC = imagesOf(fed['real'])
        const outputs: Tensor[] = []
        critic.forward(realNHWC, 'batch', (a) => {
          outputs.push(a)
          return a
        })
        // A zero added to each output: the gradient of all of them in one backward pass.
        const nudged = (...zeros: Tensor[]) => {
          const next = zeros.values()
          const scoresN = critic.forward(realNHWC, 'batch', (a) => tf.add(a, next.next().value as Tensor))
          return tf.mean(scoresN)
        }
        const gradients = tf.grads(nudged)(outputs.map((a) => tf.zerosLike(a)))
        return { found: tf.stack(gradients.map((gradient) => tf.sqrt(tf.sum(tf.mul(gradient, gradient))))) }
      },
    },
    scores: {
      inputs: { first: pixels, second: pixels, latent: seed, ...(heldOut && { heldOut: pixels }) },
      step: (fed) => {
        const batches = [imagesOf(fed['first']), imagesOf(fed['second']), generated(fed['latent'])]
        if (heldOut) batches.push(imagesOf(fed['heldOut']))
        return { found: tf.stack(batches.map(meanScore)) }
      },
    },
  }
}
