import { randomInt } from 'node:crypto'
import {
  AppError,
  type Configuration,
  CreateJob,
  type CreateSweep,
  type FieldError,
  fieldErrors,
  MAX_TRIALS,
  type Search,
  trialSpec,
} from '@kantor/contracts'
import type { NewSweep } from '@kantor/db'
import { countConfigurations, listConfigurations, type SettledSearch } from '@kantor/search'
import { validationFailed } from './plugins/zod.js'
import type { Submission } from './resolve-jobs.js'

const SEEDS = 2 ** 31
const MAX_ERRORS = 50

export interface ExpandedSweep {
  sweep: Omit<NewSweep, 'keyId'>
  /** In their order, each a job as it would be submitted alone. */
  trials: { configuration: Configuration; submission: Submission }[]
}

/**
 * What a sweep comes to. What was left open, the seeds, is drawn. AppError `sweep-too-large`, before anything is expanded;
 * `validation-failed` when a trial is no acceptable job.
 */
export function planSweep({ seeds: numSeeds, maxRunning, ...asked }: CreateSweep): ExpandedSweep {
  const search = settle(asked.search)
  const count = countConfigurations(search)
  if (count * BigInt(numSeeds) > MAX_TRIALS) throw tooLarge(count, numSeeds)

  const first = asked.spec.seed ?? randomInt(SEEDS)
  const seeds = 'seed' in search.parameters ? [] : Array.from({ length: numSeeds }, (_, i) => (first + i) % SEEDS)
  const configurations = listConfigurations(search)
  const trials = configurations.flatMap((configuration) =>
    seeds.length === 0
      ? [{ configuration, spec: trialSpec(asked.spec, configuration) }]
      : seeds.map((seed) => ({ configuration, spec: trialSpec({ ...asked.spec, seed }, configuration) })),
  )
  const { name, tags, priority } = asked
  const faults: FieldError[] = []
  const submissions = trials.flatMap(({ spec }, index): Submission[] => {
    if (faults.length > MAX_ERRORS) return []
    const body = CreateJob.safeParse({ name: `${name} #${index + 1}`, tags, priority, spec }, { reportInput: true })
    if (body.success) return [{ body: body.data, pointer: `/trials/${index}` }]
    faults.push(...fieldErrors(CreateJob, body.error.issues, ['trials', index]))
    return []
  })
  if (faults.length > 0) throw validationFailed(tellTrials(faults, asked.search, trials))
  return {
    sweep: {
      ...asked,
      search,
      seeds,
      maxRunning: maxRunning ?? null,
      configurations: configurations.length,
      trials: trials.length,
    },
    trials: trials.map(({ configuration }, index) => ({ configuration, submission: submissions[index]! })),
  }
}

const settle = (search: Search): SettledSearch =>
  search.kind === 'random' ? { ...search, seed: search.seed ?? randomInt(SEEDS) } : search

function tooLarge(count: bigint, seeds: number): AppError {
  const trials =
    seeds === 1 ? `${count} trials` : `${count} configurations × ${seeds} seeds = ${count * BigInt(seeds)} trials`
  return new AppError(
    'sweep-too-large',
    `the search comes to ${trials}, and a sweep may have ${MAX_TRIALS}: name fewer values, or draw some with a random search`,
  )
}

/**
 * Errors that point into trials (`/trials/<index>/…`), in terms of the request: at the parameter where it is one, else at the base
 * spec; each once, with the first trial that has it.
 */
export function tellTrials(
  errors: readonly FieldError[],
  search: Search,
  trials: readonly { configuration: Configuration }[],
): FieldError[] {
  const told = new Map<string, { error: FieldError; message: string; more: boolean }>()
  for (const error of errors) {
    const [, index, within = ''] = /^\/trials\/(\d+)(.*)$/.exec(error.pointer) ?? []
    if (index === undefined) continue
    const key = `${within} ${error.code} ${error.message}`
    const before = told.get(key)
    if (before) before.more = true
    else {
      const path = within.replace(/^\/spec\//, '').replaceAll('/', '.')
      const pointer = path in search.parameters ? `/search/parameters/${path}` : within
      const choice = Object.entries(trials[Number(index)]!.configuration).map(
        ([name, value]) => `${name}=${String(value)}`,
      )
      const message = `${error.message}, in trial ${Number(index) + 1} (${choice.join(', ')})`
      told.set(key, { error: { ...error, pointer }, message, more: false })
    }
  }
  return [...told.values()]
    .slice(0, MAX_ERRORS)
    .map(({ error, message, more }) => ({ ...error, message: more ? `${message} and others` : message }))
}
