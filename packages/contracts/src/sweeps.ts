import { z } from 'zod'
import { Checkpoint } from './artifacts.js'
import { SeriesName } from './curve.js'
import { comparedKeys } from './curves-query.js'
import { about, Job, JobState, Lint } from './job.js'
import { isObject, JobSpecInput, layer, Preset } from './job-spec.js'
import { Configuration, Search } from './search.js'
import { nestPaths } from './spec-paths.js'
import { text } from './strings.js'

/** Trials that one sweep may have. They are written in one transaction, as a batch of jobs is. */
export const MAX_TRIALS = 1000

/** What all trials share: any keys of a spec. No default is filled in here, so that each trial is what it would be as a job of its own. */
const SweepBase = z.strictObject(
  Object.fromEntries(
    Object.entries(JobSpecInput.shape).map(([key, schema]) => [
      key,
      (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault ? schema.unwrap() : schema).optional(),
    ]),
  ),
) as unknown as z.ZodType<Partial<JobSpecInput>, Partial<JobSpecInput>>

/** Of the keys of a spec that have one: `{"objective": {"kind": "wgan-clip"}, …}`. */
const defaultKinds = Object.fromEntries(
  Object.entries(JobSpecInput.shape).flatMap(([key, schema]) => {
    const whole: unknown = schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined
    return isObject(whole) && 'kind' in whole ? [[key, { kind: whole['kind'] }]] : []
  }),
)

/** What a trial would be submitted with as a job of its own. A searched key beside a `kind` that nobody names is one of the default kind's. */
export const trialSpec = (base: Partial<JobSpecInput>, configuration: Configuration): Record<string, unknown> =>
  layer(layer(defaultKinds, base), nestPaths(configuration))

/** By what trials are ranked: the median of a series over the 101 points up to the newest checkpoint. */
export const SweepObjective = z.strictObject({
  metric: SeriesName.default('w_estimate'),
  goal: z.enum(['min', 'max']).default('min'),
})
export type SweepObjective = z.infer<typeof SweepObjective>

export const CreateSweep = z
  .strictObject({
    /** Trials are called `<name> #1`, `<name> #2`, … */
    name: text(180).min(1).default('untitled'),
    /** Of every trial too, and so is the priority. */
    tags: about.tags.default({}),
    priority: about.priority.default(100),
    /** Laid under `spec`, as in `POST /jobs`. */
    preset: Preset.optional(),
    spec: SweepBase,
    search: Search,
    /** Every configuration runs once with each of as many seeds: the same ones for all, so that differences are those of the configurations. */
    seeds: z.int().min(1).max(MAX_TRIALS).default(1),
    /** Trials that may run at once; without it, as many as there are slots. */
    maxRunning: z.int().min(1).max(MAX_TRIALS).optional(),
    objective: SweepObjective.prefault({}),
  })
  .refine(({ search, seeds }) => seeds === 1 || !('seed' in search.parameters), {
    path: ['seeds'],
    message: 'the search sets the seed itself',
    params: { code: 'conflicting-options' },
  })
export type CreateSweep = z.infer<typeof CreateSweep>
export type CreateSweepInput = z.input<typeof CreateSweep>

/**
 * From the states of its trials. `queued`: none has started. `running`: some are over or at work, and some are still to come. `paused`:
 * nothing is at work or waits, and something is paused. `finished`: all are over.
 */
export const SweepState = z.enum(['queued', 'running', 'paused', 'finished']).meta({ id: 'SweepState' })
export type SweepState = z.infer<typeof SweepState>

export const Trial = z
  .object({
    /** Counted from 1. */
    trial: z.int(),
    /** Counted from 1; trials that differ in nothing but the seed share it. */
    configuration: z.int(),
    jobId: z.uuid(),
    parameters: Configuration,
    seed: z.int(),
    state: JobState,
    reason: Job.shape.reason,
    /** Generator steps done, and the step at which the budget ends, as the job's progress has them. */
    step: z.int().nullable(),
    totalSteps: z.int().nullable(),
    /** Of the sweep's objective; null before the first checkpoint, or when nothing was finite. */
    value: z.number().nullable(),
    /** Medians of every series over the 101 points up to the newest checkpoint, and that checkpoint's step. */
    metrics: Checkpoint.shape.medians,
    metricsStep: z.int().nullable(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Trial' })
export type Trial = z.infer<typeof Trial>

export const Sweep = z
  .object({
    id: z.uuid(),
    name: z.string(),
    tags: z.record(z.string(), z.string()),
    priority: z.int(),
    state: SweepState,
    spec: SweepBase,
    search: Search,
    /** The seeds that every configuration runs with; empty when the search sets the seed. */
    seeds: z.array(z.int()),
    maxRunning: z.int().nullable(),
    objective: SweepObjective,
    /** As they were submitted; deleted ones count. */
    configurations: z.int(),
    trials: z.int(),
    /** Trials by the state of their job. */
    counts: z.record(JobState, z.int()),
    /** What makes the ranking say little. */
    lint: z.array(Lint),
    /** By the objective, of those that neither failed nor were cancelled. Told by GET of one sweep. */
    best: Trial.nullable().optional(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Sweep' })
export type Sweep = z.infer<typeof Sweep>

/**
 * Searched keys that set the scale of a critic's scores, and so of every series: among trials that differ in one of them a lower estimate
 * is no smaller distance.
 */
export const lintSweep = ({ parameters }: Search): Lint[] =>
  Object.keys(parameters)
    .filter((path) => comparedKeys.some((key) => `/${path.replaceAll('.', '/')}/`.startsWith(`${key}/`)))
    .map((path) => ({
      code: 'ranks-other-scales',
      pointer: `/search/parameters/${path}`,
      message:
        'trials that differ in this have estimates of different scales: compare those that share it, and look at samples',
      citation: null,
      suggestion: null,
    }))

/** Configurations that a plan shows. */
export const SHOWN_CONFIGURATIONS = 20

/** What `POST /sweeps?dryRun=true` answers: nothing is stored. What was left open, seeds and draws, is drawn anew when it is submitted. */
export const SweepPlan = z
  .object({
    configurations: z.int(),
    trials: z.int(),
    seeds: z.array(z.int()),
    /** The first of them, in their order. */
    first: z.array(Configuration).max(SHOWN_CONFIGURATIONS),
    lint: z.array(Lint),
    /** Of all trials together; null where of one of them nothing is known. */
    estimate: z.object({
      operations: z.number().nullable(),
      /** Seconds that devices are held; as long as that on one slot. */
      deviceSeconds: z.number().nullable(),
      storageBytes: z.number().nullable(),
    }),
  })
  .meta({ id: 'SweepPlan' })
export type SweepPlan = z.infer<typeof SweepPlan>
