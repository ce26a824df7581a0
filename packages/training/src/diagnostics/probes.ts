import {
  type InputSpec,
  randomNormal,
  randomUniform,
  type Step,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
} from '@kantor/engine'
import type { Given } from '../architectures/layer.js'
import type { ImageSource } from '../events.js'
import type { Game } from '../game.js'
import { squaredGradientNorms } from '../objectives/squared-gradient-norms.js'
import { between } from '../objectives/wgan-gp.js'
import { drawnSources } from '../step/game-program.js'

/**
 * Looks at both networks that move nothing: batch norm by the statistics of the batch, running ones untouched. Each answers `found`. Where the
 * networks are conditional, each input of images has one of their one-hot classes, `realClasses` for `real`; generated images are of the first
 * one's.
 */
export interface Probes {
  /** Inputs `real`, `latent`, `factors`: mean ‖∇f‖ at real, generated and between images, and the largest of all, [4]. */
  slopes: Step
  /**
   * Input `real`: an upper bound of the critic's slope, NaN where there is none, then the norm of ∂ mean D / ∂a for the output a of every
   * layer with a weight matrix, from the images up, [1 + layers].
   */
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

/** The input of the classes that belong to an input of images. */
export const classesInput = (images: string): string => `${images}Classes`

const givenFor = (fed: Record<string, Tensor>, images: string): Given => ({
  classesNK: fed[classesInput(images)] as Tensor2D | undefined,
})

export function createProbes(
  game: Game,
  { count, imageSize, channels, dtype, latentSize, heldOut }: ProbeShape,
): Probes {
  const { generator, critic } = game
  const real = drawnSources.images([count, imageSize, imageSize, channels], dtype)
  const pixels = real.spec
  const imagesOf = (fed: Tensor | undefined) => real.tensor(fed as Tensor) as Tensor4D
  const classesOf = (...inputs: string[]): Record<string, InputSpec> =>
    game.classes === undefined
      ? {}
      : Object.fromEntries(inputs.map((name) => [classesInput(name), { shape: [count, game.classes!] }]))
  const score = (imagesNHWC: Tensor4D, given: Given) => critic.forward(imagesNHWC, 'batch', given) as Tensor1D
  const generated = (latent: Tensor | undefined, given: Given) =>
    generator.forward(randomNormal<Tensor2D>([count, latentSize], latent as Tensor1D), 'batch', given) as Tensor4D

  return {
    slopes: {
      inputs: { real: pixels, latent: seed, factors: seed, ...classesOf('real') },
      step: (fed) => {
        const given = givenFor(fed, 'real')
        const batch = {
          realNHWC: imagesOf(fed['real']),
          fakeNHWC: generated(fed['latent'], given),
          factorsN: randomUniform<Tensor1D>([count], fed['factors'] as Tensor1D),
        }
        const places = [batch.realNHWC, batch.fakeNHWC, between(batch)]
        const scoreOf = (imagesNHWC: Tensor4D) => score(imagesNHWC, given)
        const norms = places.map((at) => tf.sqrt(squaredGradientNorms(scoreOf, at)) as Tensor1D)
        return { found: tf.stack([...norms.map((norm) => tf.mean(norm)), tf.max(tf.concat(norms))]) }
      },
    },
    layers: {
      inputs: { real: pixels, ...classesOf('real') },
      step: (fed) => {
        const given = givenFor(fed, 'real')
        const realNHWC = imagesOf(fed['real'])
        const outputs: Tensor[] = []
        const collect = (a: Tensor) => {
          outputs.push(a)
          return a
        }
        critic.forward(realNHWC, 'batch', { ...given, tap: collect })
        // A zero added to each output: the gradient of all of them in one backward pass.
        const nudged = (...zeros: Tensor[]) => {
          const next = zeros.values()
          const tap = (a: Tensor) => tf.add(a, next.next().value as Tensor)
          return tf.mean(critic.forward(realNHWC, 'batch', { ...given, tap }))
        }
        const gradients = tf.grads(nudged)(outputs.map((a) => tf.zerosLike(a)))
        const norms = gradients.map((gradient) => tf.sqrt(tf.sum(tf.mul(gradient, gradient))))
        return { found: tf.stack([critic.lipschitz?.() ?? tf.scalar(NaN), ...norms]) }
      },
    },
    scores: {
      inputs: {
        first: pixels,
        second: pixels,
        latent: seed,
        ...(heldOut && { heldOut: pixels }),
        ...classesOf('first', 'second', ...(heldOut ? ['heldOut'] : [])),
      },
      step: (fed) => {
        const meanScore = (imagesNHWC: Tensor4D, of: string) => tf.mean(score(imagesNHWC, givenFor(fed, of)))
        const ofData = (of: string) => meanScore(imagesOf(fed[of]), of)
        const fake = meanScore(generated(fed['latent'], givenFor(fed, 'first')), 'first')
        return { found: tf.stack([ofData('first'), ofData('second'), fake, ...(heldOut ? [ofData('heldOut')] : [])]) }
      },
    },
  }
}
