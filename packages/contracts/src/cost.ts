import type { CriticKind, GeneratorKind, Model } from './architectures.js'
import type { JobSpec } from './job-spec.js'

// Arithmetic of a spec, from its shapes alone. A multiplication and an addition count as two operations; activations and
// norms are left out: they cost time, but no arithmetic worth counting.

interface Shape {
  imageSize: number
  channels: number
  filters: number
  extraLayers: number
}

const layer = (weightsPerPixel: number, pixels: number): number => 2 * weightsPerPixel * pixels

/** The pyramid between image and 4 × 4 that both DCGAN networks are; `widest` channels at the 4 × 4 end. */
function pyramid({ imageSize, channels, filters, extraLayers }: Shape): { operations: number; widest: number } {
  let operations = layer(16 * channels * filters, (imageSize / 2) ** 2)
  operations += extraLayers * layer(9 * filters ** 2, (imageSize / 2) ** 2)
  let width = filters
  for (let size = imageSize / 2; size > 4; size /= 2, width *= 2) operations += layer(32 * width ** 2, (size / 2) ** 2)
  return { operations, widest: width }
}

const mlp = (shape: Shape, from: number, to: number): number =>
  layer(from * shape.filters + 2 * shape.filters ** 2 + shape.filters * to, 1)

const pixelsOf = ({ imageSize, channels }: Shape): number => imageSize ** 2 * channels

const dcganGenerator = (shape: Shape, latentSize: number): number => {
  const { operations, widest } = pyramid(shape)
  return operations + layer(16 * latentSize * widest, 1)
}
/** One width throughout, so that every doubling costs four times the one before. */
const constantGenerator = (shape: Shape, latentSize: number): number => {
  const { imageSize, channels, filters, extraLayers } = shape
  let operations = layer(16 * latentSize * filters, 1) + layer(16 * channels * filters, (imageSize / 2) ** 2)
  operations += extraLayers * layer(9 * filters ** 2, (imageSize / 2) ** 2)
  for (let size = 4; size < imageSize / 2; size *= 2) operations += layer(16 * filters ** 2, size ** 2)
  return operations
}
const dcganCritic = (shape: Shape): number => {
  const { operations, widest } = pyramid(shape)
  return operations + layer(16 * widest, 1)
}

const generators: Record<GeneratorKind, (shape: Shape, latentSize: number) => number> = {
  dcgan: dcganGenerator,
  'dcgan-nobn': dcganGenerator,
  'dcgan-constant': constantGenerator,
  mlp: (shape, latentSize) => mlp(shape, latentSize, pixelsOf(shape)),
  shift: () => 0,
}
const critics: Record<CriticKind, (shape: Shape) => number> = {
  dcgan: dcganCritic,
  'dcgan-nobn': dcganCritic,
  'dcgan-ln': dcganCritic,
  mlp: (shape) => mlp(shape, pixelsOf(shape), 1),
}

/** Operations of one image's forward pass through either network. */
function forwardOperations(model: Model, channels: number): { generator: number; critic: number } {
  const { imageSize, extraLayers, latentSize } = model
  const shape = (filters: number): Shape => ({ imageSize, channels, extraLayers, filters })
  return {
    generator: generators[model.generator](shape(model.generatorFilters), latentSize),
    critic: critics[model.critic](shape(model.criticFilters)),
  }
}

/** A backward pass is two forward ones: gradients of the weights and of what came in. */
const BACKWARD = 2
/** Of a gradient penalty: forward, the gradient for the images, and back through both. */
const PENALTY = 6

/** How many images' gradients a critic step penalises, per real image. */
function penalties(objective: JobSpec['objective']): number {
  if (objective.kind === 'wgan-clip') return 0
  if (objective.kind === 'wgan-gp') return 1
  if (objective.kind === 'wgan-div') return 2
  return objective.r1 > 0 ? 1 : 0
}

/**
 * Floating-point operations of one generator step with its usual critic steps, about: the authors' defaults on colour
 * images are 5.3e11.
 */
export function operationsPerGeneratorStep(
  spec: Pick<JobSpec, 'model' | 'batchSize' | 'schedule' | 'objective'>,
  channels: number,
): number {
  const { generator, critic } = forwardOperations(spec.model, channels)
  const criticStep = generator + critic * (2 * (1 + BACKWARD) + PENALTY * penalties(spec.objective))
  // The critic's own weights take no gradient here.
  const generatorStep = generator * (1 + BACKWARD) + critic * 2
  return spec.batchSize * (spec.schedule.criticSteps * criticStep + generatorStep)
}
