import type { JobSpecInput } from '@kantor/contracts'

export interface PointJob {
  dataset: string
  objective: JobSpecInput['objective']
  optimizer: JobSpecInput['optimizer']
  generatorSteps: number
  /** Hidden units of both networks; the toy experiments of the literature take 128 to 512. */
  width?: number
  criticSteps?: number
  seed?: number
}

/** As good as none, the smallest rate there is: the network stays what it is. */
export const FROZEN = 1e-12

const batchSize = 256

const once = (generatorSteps: number) => ({
  sampling: { every: generatorSteps, count: 256 },
  checkpoint: { everySteps: Math.max(2, generatorSteps), everySeconds: 86_400 },
})

const steps = (criticSteps: number) => ({
  criticSteps,
  warmup: { generatorSteps: 0 },
  every: { generatorSteps: 0 },
})

/** Two MLPs with three hidden layers, as wide as each other, on points. */
export const mlpGame = (job: PointJob): JobSpecInput => ({
  dataset: job.dataset,
  model: {
    generator: 'mlp',
    critic: 'mlp',
    imageSize: 1,
    latentSize: 2,
    generatorFilters: job.width ?? 128,
    criticFilters: job.width ?? 128,
  },
  objective: job.objective,
  optimizer: job.optimizer,
  schedule: steps(job.criticSteps ?? 5),
  batchSize,
  seed: job.seed ?? 1,
  budget: { generatorSteps: job.generatorSteps },
  ...once(job.generatorSteps),
})

/** An MLP critic against the uniform law that `shift` moves; frozen, its generator stays where it starts. */
export const shiftGame = (job: PointJob & { latentSize: number }): JobSpecInput => ({
  ...mlpGame(job),
  model: {
    generator: 'shift',
    critic: 'mlp',
    imageSize: 1,
    latentSize: job.latentSize,
    criticFilters: job.width ?? 128,
  },
})

/** Adam as the toy experiments of Gulrajani et al. 2017 run it. */
export const adam = (criticLearningRate: number, generatorLearningRate = criticLearningRate) =>
  ({ kind: 'adam', criticLearningRate, generatorLearningRate, beta1: 0.5, beta2: 0.9 }) as const

/** The same, with both rates falling in a line to nothing at the last step: weights settle instead of circling where they belong. */
export const settlingAdam = (generatorSteps: number, ...rates: Parameters<typeof adam>) => ({
  ...adam(...rates),
  decay: { until: generatorSteps },
})

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean of a curve's end, where it has settled. */
export const settled = (values: readonly number[], share = 0.2): number =>
  mean(values.slice(-Math.max(1, Math.round(share * values.length))))
