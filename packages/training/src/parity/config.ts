import type { GameSpec } from '../game.js'
import { type SafetensorsFile, SafetensorsError } from '../checkpoint/safetensors.js'
import { critics, generators } from '../architectures/index.js'

/** The `config` of a parity file, in the names of the script that made it. Unknown keys are ignored. */
export interface ParityConfig {
  imageSize: number
  nc: number
  nz: number
  ngf: number
  ndf: number
  nExtraLayers: number
  /** Where both networks are conditional. */
  classes?: number
  generator: keyof typeof generators
  critic: keyof typeof critics
  /** `clip`: weights clamped before each critic update. `gp`: gradient penalty, nothing clamped. */
  loss: 'clip' | 'gp'
  clip: number
  gpLambda: number
  gpSides: 1 | 2
  optimizer: 'rmsprop' | 'adam'
  lrCritic: number
  lrGenerator: number
  beta1: number
  beta2: number
  batchSize: number
  /** Critic steps before each generator step. */
  criticIterations: number
  generatorIterations: number
  seed: number
}

/** A file that is well-formed but asks for something this release does not train. */
export class ParityNotSupportedError extends Error {
  override name = 'ParityNotSupportedError'
}

const supported = {
  generator: Object.keys(generators),
  critic: Object.keys(critics),
  loss: ['clip', 'gp'],
  gpSides: [1, 2],
  optimizer: ['rmsprop', 'adam'],
} as const

const counts = ['imageSize', 'nc', 'nz', 'ngf', 'ndf', 'batchSize', 'criticIterations', 'generatorIterations'] as const
const numbers = ['clip', 'gpLambda', 'lrCritic', 'lrGenerator', 'beta1', 'beta2'] as const

const defaults = { nExtraLayers: 0, gpLambda: 10, gpSides: 2, beta1: 0.5, beta2: 0.999, seed: 0 }

/** @throws SafetensorsError for a config that is missing or damaged, ParityNotSupportedError */
export function readConfig({ metadata }: SafetensorsFile): ParityConfig {
  let config: Record<string, unknown>
  try {
    config = { ...defaults, ...JSON.parse(metadata['config'] ?? '') }
  } catch (cause) {
    throw new SafetensorsError('the metadata has no `config` in JSON: this is not a parity file', { cause })
  }
  for (const [key, known] of Object.entries(supported)) {
    if (!(known as readonly unknown[]).includes(config[key])) {
      throw new ParityNotSupportedError(
        `not supported yet: ${key} ${JSON.stringify(config[key])} (supported: ${known.join(', ')})`,
      )
    }
  }
  for (const key of counts) {
    if (!Number.isSafeInteger(config[key]) || (config[key] as number) < 1) damaged(key, config[key])
  }
  if (config['classes'] !== undefined && !Number.isSafeInteger(config['classes'])) damaged('classes', config['classes'])
  for (const key of numbers) if (!Number.isFinite(config[key])) damaged(key, config[key])
  return config as unknown as ParityConfig
}

function damaged(key: string, value: unknown): never {
  throw new SafetensorsError(`the parity file's config has no valid ${key}: ${JSON.stringify(value)}`)
}

/** The same training in the words of a job spec. */
export const gameSpecOf = (config: ParityConfig): GameSpec => ({
  seed: config.seed,
  model: {
    generator: config.generator,
    critic: config.critic,
    imageSize: config.imageSize as GameSpec['model']['imageSize'],
    latentSize: config.nz,
    generatorFilters: config.ngf,
    criticFilters: config.ndf,
    extraLayers: config.nExtraLayers,
    classes: config.classes,
  },
  objective:
    config.loss === 'gp'
      ? { kind: 'wgan-gp', lambda: config.gpLambda, sides: config.gpSides }
      : { kind: 'wgan-clip', clip: config.clip, clamp: 'before', clipBatchNorm: true },
  optimizer: {
    criticLearningRate: config.lrCritic,
    generatorLearningRate: config.lrGenerator,
    ...(config.optimizer === 'adam' ? { kind: 'adam', beta1: config.beta1, beta2: config.beta2 } : { kind: 'rmsprop' }),
  },
})
