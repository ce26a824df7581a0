import { z } from 'zod'
import { Model } from './architectures.js'
import { lossNames } from './curve.js'
import { DatasetRef } from './datasets.js'
import { Objective } from './objectives.js'
import { Optimizer } from './optimizers.js'
import { Remedies } from './remedies.js'
import { EvaluationPlan } from './quality.js'

/** A stretch of generator steps that get more critic steps; 0 generator steps switches it off. */
const Burst = (generatorSteps: number, criticSteps: number) =>
  z
    .strictObject({
      generatorSteps: z.int().min(0).max(1_000_000).default(generatorSteps),
      criticSteps: z.int().min(1).max(10_000).default(criticSteps),
    })
    .prefault({})

/** How many critic updates go before each generator update. */
export const Schedule = z.strictObject({
  /** n_critic of Algorithm 1, the authors' Diters. */
  criticSteps: z.int().min(1).max(1000).default(5),
  /** The first `generatorSteps` generator steps take `criticSteps` critic steps each (main.py: gen_iterations < 25). */
  warmup: Burst(25, 100),
  /** So does every `generatorSteps`-th one after (main.py: gen_iterations % 500 == 0). */
  every: Burst(500, 100),
})
export type Schedule = z.infer<typeof Schedule>

/** When training ends: the first limit reached. */
export const Budget = z
  .strictObject({
    generatorSteps: z.int().min(1).max(100_000_000).optional(),
    epochs: z.int().min(1).max(1_000_000).optional(),
    seconds: z.int().min(1).max(31_536_000).optional(),
  })
  .refine((budget) => Object.values(budget).some((limit) => limit !== undefined), {
    message: 'give at least one of generatorSteps, epochs, seconds',
    params: { code: 'required' },
  })
export type Budget = z.infer<typeof Budget>

const specShape = {
  dataset: DatasetRef,
  device: z.enum(['any', 'cpu', 'gpu']).default('any'),
  model: Model.prefault({}),
  objective: Objective.prefault({ kind: 'wgan-clip' }),
  optimizer: Optimizer.prefault({ kind: 'rmsprop' }),
  schedule: Schedule.prefault({}),
  /**
   * A running mean of the generator's weights, w̄ ← decay · w̄ + (1 − decay) · w after every generator step (Karras et al. 2018: 0.999): samples
   * are drawn with it, and checkpoints hold both. None when absent.
   */
  generatorAverage: z.strictObject({ decay: z.number().gt(0).lt(1).default(0.999) }).optional(),
  batchSize: z.int().min(2).max(1024).default(64),
  /** `bfloat16`: convolutions and matrix products; weights, statistics, losses and optimizer stay float32. */
  precision: z.enum(['float32', 'bfloat16']).default('float32'),
  /**
   * `measured`: convolutions are computed in whichever way was fastest on the worker, and a resume repeats that choice.
   * `direct`: in one way everywhere, the bits of the step run operation by operation.
   */
  lowerings: z.enum(['measured', 'direct']).default('measured'),
  /**
   * So many images are never trained on, the same of a dataset for every job: the critic's scores on them show when it learns its images by
   * heart (`overfit_gap`).
   */
  heldOut: z.int().min(0).max(1_000_000).default(0),
  /** What to do when the critic fares badly; none by default. */
  remedies: Remedies.default([]),
  budget: Budget.prefault({ generatorSteps: 10_000 }),
  sampling: z
    .strictObject({
      /** Generator steps between sample grids. */
      every: z.int().min(1).max(1_000_000).default(500),
      /** Images per grid, from latents fixed for the job. */
      count: z.int().min(1).max(256).default(64),
    })
    .prefault({}),
  checkpoint: z
    .strictObject({
      everySteps: z.int().min(2).max(1_000_000).default(500),
      everySeconds: z.int().min(5).max(86_400).default(300),
      /** Newest checkpoints that are kept. The others are removed unless one of the next two keeps them, or a person pins them. */
      keep: z.int().min(1).max(100).default(3),
      /** The first checkpoint at or after each multiple of this many generator steps is kept too. */
      keepEvery: z.int().min(2).max(1_000_000).optional(),
      /** So are the best, by the median of a series over the 101 points up to each checkpoint. */
      keepBest: z
        .strictObject({
          metric: z.enum(lossNames).default('w_estimate'),
          goal: z.enum(['min', 'max']).default('min'),
          count: z.int().min(1).max(20).default(1),
        })
        .optional(),
    })
    .prefault({}),
  /** Quality metrics beside training; absent: none, until somebody asks for one of a checkpoint. */
  evaluation: EvaluationPlan.optional(),
}

const seed = z.int().min(0).max(2_147_483_647)

/** What a client sends: every key but `dataset` has the default of the authors' main.py. */
export const JobSpecInput = z.strictObject({
  ...specShape,
  /** Seed of every random stream; drawn and stored when absent. */
  seed: seed.optional(),
})
export type JobSpecInput = z.input<typeof JobSpecInput>

/** The resolved, immutable spec that is stored: it reproduces the run. */
export const JobSpec = z.strictObject({ ...specShape, seed })
export type JobSpec = z.infer<typeof JobSpec>

/** Named starting points; keys that the client gives win over them. */
export const presets = {
  /** main.py as its authors ran it. These are the schema's own defaults. */
  author: {},
  /** Algorithm 1 to the letter: clamp after each critic update, no long critic bursts. */
  paper: {
    objective: { kind: 'wgan-clip', clamp: 'after' },
    schedule: { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
  },
} as const satisfies Record<string, Partial<JobSpecInput>>
export const Preset = z.enum(Object.keys(presets) as (keyof typeof presets)[])
export type Preset = z.infer<typeof Preset>

type Json = Record<string, unknown>
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lays keys over those below; nested objects are merged, but for a union's variant of another kind. */
export const layer = (under: Json, over: Json): Json => {
  const merged: Json = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    // A union variant of another kind replaces the preset's, its keys would not fit.
    const sameKind = isObject(below) && isObject(value) && (value['kind'] ?? below['kind']) === below['kind']
    merged[key] = sameKind ? layer(below, value) : value
  }
  return merged
}

/** Lays a preset under the spec of a raw `POST /jobs` body, before validation. Other bodies pass through unchanged. */
export function applyPreset(body: unknown): unknown {
  if (!isObject(body) || !isObject(body['spec'])) return body
  const preset = Preset.safeParse(body['preset'])
  return preset.success ? { ...body, spec: layer(presets[preset.data], body['spec']) } : body
}
