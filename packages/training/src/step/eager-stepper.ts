import type { CurvePoint } from '@kantor/contracts'
import {
  type Feeds,
  imagesFromBytes,
  type Optimizer,
  type Step,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
  weightedGradients,
} from '@kantor/engine'
import type { Given } from '../architectures/layer.js'
import { conditionsOf } from '../classes.js'
import type { Game } from '../game.js'
import { drawFactors, drawLatents } from '../latents.js'
import { optimalityGap } from '../diagnostics/optimality-gap.js'
import { criticStep, watchedCriticStep } from './critic-step.js'
import { curveValues, stepDiagnostics } from './curve-values.js'
import { generatorStep, watchedGeneratorStep } from './generator-step.js'
import type { Stepper, StepperOptions, StepperSpec } from './stepper.js'

/** Runs op by op: the reference that compiled steps are held against. */
export function createEagerStepper(game: Game, spec: StepperSpec, { images, probes }: StepperOptions): Stepper {
  const { latentSize, imageSize } = spec.model
  // Full size always: the authors' noise tensor is not resized for a smaller real batch.
  const latentShape = { count: spec.batchSize, latentSize }
  const isWatched = probes !== null
  const conditions = conditionsOf(spec, images)
  const classesNK = (rows: Float32Array | undefined) =>
    rows && tf.tensor2d(rows, [spec.batchSize, rows.length / spec.batchSize], 'float32')
  let last: readonly Float32Array[] | null = null
  let estimates: number[] = []
  return {
    critic(indices, criticStepsDone) {
      last = tf.tidy(() => {
        const inputs = {
          realNHWC: toTensor(images.read(indices), [indices.length, imageSize, imageSize, images.channels]),
          latentNZ: drawLatents(latentShape, spec.seed, { stream: 'criticLatent', step: criticStepsDone }),
          factorsN: game.objective.interpolates ? drawFactors(indices.length, spec.seed, criticStepsDone) : undefined,
          classesNK: classesNK(conditions?.critic(indices, criticStepsDone)),
          coefficients: nextCoefficients(game.critic.optimizer),
        }
        return numbersOf(isWatched ? watchedCriticStep(game, inputs) : { terms: criticStep(game, inputs) })
      })
      game.critic.optimizer.steps += 1
      const [real, fake] = last[0] as unknown as [number, number]
      estimates.push(fake - real)
    },
    generator({ step, criticStep: criticStepsDone }) {
      if (!last) throw new Error('a generator step needs a critic step before it')
      const [criticTerms, criticLook] = last as [Float32Array, Float32Array?]
      const [generatorTerms, generatorLook] = tf.tidy(() => {
        const latentNZ: Tensor2D = drawLatents(latentShape, spec.seed, { stream: 'generatorLatent', step })
        const inputs = {
          latentNZ,
          classesNK: classesNK(conditions?.generator(step)),
          coefficients: nextCoefficients(game.generator.optimizer),
        }
        return numbersOf(isWatched ? watchedGeneratorStep(game, inputs) : { terms: generatorStep(game, inputs) })
      }) as [Float32Array, Float32Array?]
      game.generator.optimizer.steps += 1
      const terms = Float32Array.of(...criticTerms, ...generatorTerms)
      const values = curveValues(terms, game.objective.criticWeights)
      const point: CurvePoint = { step: step + 1, criticStep: criticStepsDone, values }
      if (criticLook && generatorLook) {
        const gap = optimalityGap(estimates)
        point.diagnostics = stepDiagnostics(game, { critic: criticLook, generator: generatorLook, gap })
      }
      last = null
      estimates = []
      return point
    },
    probe(name, feeds) {
      const step = probes?.[name]
      if (!step) throw new Error(`this run has no probe ${name}`)
      return runEagerly(step, feeds)
    },
    load: () => undefined,
    store: () => undefined,
    rehearse: () =>
      tf.tidy(() => fingerprint(game, spec, images.channels, { classesNK: classesNK(conditions?.fixed) })),
    dispose: () => undefined,
  }
}

const toTensor = (values: Uint8Array | Float32Array, shape: [number, number, number, number]): Tensor4D =>
  values instanceof Float32Array ? tf.tensor4d(values, shape) : imagesFromBytes(values, shape)

const numbersOf = ({ terms, look }: { terms: Tensor1D; look?: Tensor1D }): Float32Array[] =>
  [terms, ...(look ? [look] : [])].map((tensor) => tensor.dataSync<'float32'>())

/** Feeds as a compiled step gets them: uint8 pixels are float32 numbers by then. */
const runEagerly = ({ inputs, step }: Step, feeds: Feeds): Float32Array =>
  tf.tidy(() => {
    const fed = Object.entries(inputs).map(([name, { shape, dtype }]): [string, Tensor] => {
      const values = feeds[name] as Uint8Array | Int32Array | Float32Array
      return [name, tf.tensor(values, [...shape], dtype === 'int32' ? 'int32' : 'float32')]
    })
    return (step(Object.fromEntries(fed))['found'] as Tensor).dataSync<'float32'>()
  })

export const nextCoefficients = (optimizer: Optimizer): Tensor1D => tf.tensor1d(optimizer.coefficients(), 'float32')

/** The critic's loss and gradients on one fixed batch. */
function fingerprint(
  { generator, critic, objective, criticWeights }: Game,
  { model, batchSize, seed }: StepperSpec,
  channels: number,
  given: Given,
): Buffer {
  return tf.tidy(() => {
    const latentNZ = drawLatents({ count: batchSize, latentSize: model.latentSize }, seed, { stream: 'sampleLatent' })
    const imagesNHWC = generator.forward(latentNZ, 'batch', given) as Tensor4D
    const realNHWC: Tensor4D = tf.reshape(tf.reverse(imagesNHWC, 1), [
      batchSize,
      model.imageSize,
      model.imageSize,
      channels,
    ])
    const batch = { realNHWC, fakeNHWC: imagesNHWC, factorsN: drawFactors(batchSize, seed, 0) }
    const score = (images: Tensor4D) => critic.forward(images, 'batch', given) as Tensor1D
    const { value, gradients } = weightedGradients(
      () => tf.stack(objective.criticTerms(score, batch)) as Tensor1D,
      criticWeights,
      critic.trained.map(({ variable }) => variable),
    )
    const parts = [value, ...gradients].map((tensor) => tensor.dataSync<'float32'>())
    return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)))
  })
}
