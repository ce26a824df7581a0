import type { CreateJobInput } from '@kantor/contracts'

/** Both objectives, both optimizers, both kinds of network; each takes seconds at some hundred steps. Keyed by what they stand for. */
export const smallJobs = {
  clip: {
    model: { imageSize: 16, latentSize: 8, generatorFilters: 4, criticFilters: 4 },
    objective: { kind: 'wgan-clip' },
    optimizer: { kind: 'rmsprop' },
  },
  penalty: {
    model: { critic: 'mlp', imageSize: 16, latentSize: 8, generatorFilters: 8, criticFilters: 8 },
    objective: { kind: 'wgan-gp' },
    optimizer: { kind: 'adam', beta1: 0, beta2: 0.9 },
  },
  mlp: {
    model: { generator: 'mlp', critic: 'mlp', imageSize: 16, latentSize: 8, generatorFilters: 8, criticFilters: 8 },
    objective: { kind: 'wgan-clip' },
    optimizer: { kind: 'rmsprop' },
  },
} as const
export type SmallJob = keyof typeof smallJobs

export interface SmallJobOptions {
  name: string
  dataset: string
  kind?: SmallJob
  generatorSteps: number
  /** Default: a tenth of the steps. */
  checkpointEvery?: number
  seed?: number
}

/** A job of seconds. Two of one kind, seed and number of steps end with the same bits. */
export function smallJob(options: SmallJobOptions): CreateJobInput {
  const { name, dataset, kind = 'clip', generatorSteps, seed = 7 } = options
  const everySteps = options.checkpointEvery ?? Math.max(2, Math.floor(generatorSteps / 10))
  return {
    name,
    spec: {
      dataset,
      seed,
      ...smallJobs[kind],
      schedule: { criticSteps: 2, warmup: { generatorSteps: 2, criticSteps: 4 }, every: { generatorSteps: 0 } },
      batchSize: 16,
      // Fixed: which ones are the fastest is measured anew on every data directory, and decides the last bits.
      lowerings: 'direct',
      budget: { generatorSteps },
      sampling: { every: generatorSteps, count: 4 },
      checkpoint: { everySteps, keep: 3 },
    },
  }
}
