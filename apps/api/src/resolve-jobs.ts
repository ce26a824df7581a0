import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import {
  AppError,
  conflictsIn,
  type CreateJob,
  type Dataset,
  DatasetRef,
  type FieldError,
  type JobSpec,
  type KeyQuotas,
  nearest,
} from '@kantor/contracts'
import {
  type Database,
  getWeights,
  listDatasets,
  type NewJob,
  type NewTrial,
  resolveDataset,
  type StoredWeights,
} from '@kantor/db'
import { type DeviceLimits, exceedsDevice, wouldExceedDevice } from './device-limit.js'
import { evaluationMisfits } from './evaluation-misfits.js'
import { exceedsBudget } from './job-budget.js'
import { lintJob } from './lint/lint-job.js'
import { modelMisfits } from './model-misfits.js'
import { validationFailed } from './plugins/zod.js'
import { describeStart, findStart, misfits } from './start-from.js'

const SEEDS = 2 ** 31
const MAX_ERRORS = 50
/** Jobs of a batch that are resolved before other requests get their turn. */
const IN_ONE_TURN = 100

export interface Submitter extends Pick<NewJob, 'actor' | 'keyId' | 'traceparent'> {
  /** What its key may use; null without keys. */
  quotas: KeyQuotas | null
  /** What devices have. */
  limits: () => Promise<DeviceLimits>
}

/** One job of a request: its body, and where it stands in the request's. */
export interface Submission<Body = CreateJob> {
  body: Body
  /** RFC 6901 pointer; empty when the job is the whole body. */
  pointer: string
  /** Of the sweep that it belongs to. */
  trial?: NewTrial
}

/** One job as it would be stored, and what it was resolved from. */
export interface Resolved {
  job: NewJob
  dataset: Dataset
  /** The step that it goes on from; 0 from scratch. */
  fromStep: number
}

/**
 * Resolves what the client left open (dataset version, seed), so that the stored specs alone reproduce the runs, and writes nothing.
 * AppError `validation-failed` with all that is wrong: datasets, checkpoints to start from, quotas, the memory of devices.
 */
export async function resolveJobs(db: Database, submissions: Submission[], by: Submitter): Promise<Resolved[]> {
  const datasets = await resolveAll(
    db,
    submissions.map(({ body }) => body.spec.dataset),
  )
  const limits = await by.limits()
  const errors: FieldError[] = []
  const starts = new Map<Submission, Awaited<ReturnType<typeof findStart>>>()
  for (const one of submissions) {
    if (one.body.startFrom) starts.set(one, await findStart(db, one.body.startFrom))
  }
  const extractors = await extractorsOf(db, submissions)
  const author = { actor: by.actor, keyId: by.keyId ?? null, traceparent: by.traceparent }
  // Reckoning what a job needs takes 0.04 ms, and jobs of a batch often differ in nothing but their seeds.
  const reckoned = new Map<string, FieldError | null>()
  const tooLarge = (spec: JobSpec, dataset: Dataset): FieldError | null => {
    const key = JSON.stringify({ ...spec, seed: 0 })
    const known = reckoned.get(key)
    if (known !== undefined) return known
    const excess = exceedsDevice(spec, dataset, limits)
    reckoned.set(key, excess)
    return excess
  }
  const resolve = (one: Submission): Resolved[] => {
    const { pointer, trial } = one
    const { preset: _, ...body } = one.body
    const dataset = datasets.found.get(body.spec.dataset)
    if (!dataset) {
      errors.push(under(pointer, datasetNotFound(datasets.known, body.spec.dataset)))
      return []
    }
    if (dataset.numImages - body.spec.heldOut < body.spec.batchSize)
      errors.push(under(pointer, datasetTooSmall(dataset, body.spec)))
    const { evaluation } = body.spec
    if (evaluation) {
      const extractor = extractors.get(evaluation.extractor ?? '') ?? null
      const unmeasured = evaluationMisfits(evaluation, { dataset, spec: body.spec, extractor }, '/spec/evaluation')
      errors.push(...unmeasured.map((fault) => under(pointer, fault)))
    }
    errors.push(...modelMisfits(body.spec.model, dataset).map((fault) => under(pointer, fault)))
    const spec: JobSpec = {
      ...body.spec,
      dataset: `${dataset.id}@${dataset.version}`,
      seed: body.spec.seed ?? randomInt(SEEDS),
    }
    errors.push(...conflictsIn(spec).map((conflict) => under(`${pointer}/spec`, conflict)))
    for (const excess of [exceedsBudget(spec, dataset, by.quotas), tooLarge(spec, dataset)])
      if (excess) errors.push(under(pointer, excess))
    const lint = lintJob(spec, dataset)
    const start = starts.get(one)
    if (!start) return [{ job: { job: { ...body, spec }, lint, trial, ...author }, dataset, fromStep: 0 }]
    const faults = start.fault ? [start.fault] : misfits(start, spec, dataset)
    errors.push(...faults.map((fault) => under(pointer, fault)))
    if (start.fault) return []
    const job = { job: { ...body, spec }, lint, message: describeStart(start, spec), ...author }
    return [{ job, dataset, fromStep: 'weights' in start ? 0 : start.checkpoint.step }]
  }
  const resolved: Resolved[] = []
  for (const [index, one] of submissions.entries()) {
    // A thousand take some 40 ms.
    if (index % IN_ONE_TURN === IN_ONE_TURN - 1) await setImmediate()
    resolved.push(...resolve(one))
  }
  if (errors.length > 0) throw validationFailed(errors.slice(0, MAX_ERRORS))
  return resolved
}

/**
 * The schema's errors of a refused body, and with them what the database knows: datasets that there are not, and memory that no device
 * has.
 */
export async function refuseWithMore(
  db: Database,
  submissions: Submission<unknown>[],
  error: unknown,
  by: Pick<Submitter, 'limits'>,
): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== 'validation-failed') return error
  const named = submissions.flatMap(({ body, pointer }) => {
    const spec = at(body, 'spec')
    const ref = DatasetRef.safeParse(at(spec, 'dataset'))
    return ref.success ? [{ ref: ref.data, spec, pointer }] : []
  })
  const { found, known } = await resolveAll(
    db,
    named.map(({ ref }) => ref),
  )
  const limits = await by.limits()
  const more = named.flatMap(({ ref, spec, pointer }) => {
    const dataset = found.get(ref)
    const fault = dataset ? wouldExceedDevice(spec, dataset, limits) : datasetNotFound(known, ref)
    return fault ? [under(pointer, fault)] : []
  })
  return more.length === 0 ? error : validationFailed([...(error.errors ?? []), ...more].slice(0, MAX_ERRORS))
}

const under = (pointer: string, error: FieldError): FieldError => ({ ...error, pointer: pointer + error.pointer })

interface FoundDatasets {
  found: Map<string, Dataset>
  /** All there are, when one was not found. */
  known: Dataset[]
}

async function resolveAll(db: Database, refs: string[]): Promise<FoundDatasets> {
  const found = new Map<string, Dataset>()
  const distinct = new Set(refs)
  for (const ref of distinct) {
    const dataset = await resolveDataset(db, ref)
    if (dataset) found.set(ref, dataset)
  }
  return { found, known: found.size < distinct.size ? await listDatasets(db) : [] }
}

/** The uploaded networks that evaluations are to measure by, those that there are. */
async function extractorsOf(db: Database, submissions: readonly Submission[]): Promise<Map<string, StoredWeights>> {
  const ids = new Set(submissions.flatMap(({ body }) => body.spec.evaluation?.extractor ?? []))
  const found = new Map<string, StoredWeights>()
  for (const id of ids) {
    const weights = await getWeights(db, id)
    if (weights) found.set(id, weights)
  }
  return found
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

const MAX_NAMED = 20

function datasetNotFound(known: Dataset[], ref: string): FieldError {
  const [id = '', version] = ref.split('@')
  const ids = known.map((dataset) => dataset.id)
  const error = { pointer: '/spec/dataset', code: 'dataset-not-found' as const }
  if (version !== undefined && ids.includes(id)) {
    const newest = known.find((dataset) => dataset.id === id)?.version
    return { ...error, message: `dataset "${id}" has no version ${version}`, hint: `its newest is ${id}@${newest}` }
  }
  const guess = nearest(id, ids)
  const list = ids.length === 0 ? 'none yet: `kantor dataset import` adds one' : ids.slice(0, MAX_NAMED).join(', ')
  return {
    ...error,
    message: `there is no dataset "${ref}"`,
    hint: `${guess === undefined ? '' : `did you mean "${guess}"? `}known: ${list}`,
  }
}

function datasetTooSmall(
  { id, numImages }: Dataset,
  { batchSize, heldOut }: Pick<JobSpec, 'batchSize' | 'heldOut'>,
): FieldError {
  // With a set that is large enough for the batch alone, it is what is held out that is too much.
  const [key, most] = numImages < batchSize ? ['batchSize', numImages] : ['heldOut', numImages - batchSize]
  const needs =
    heldOut === 0 ? `a batch of ${batchSize} needs` : `a batch of ${batchSize} beside ${heldOut} held-out images needs`
  return {
    pointer: `/spec/${key}`,
    code: 'dataset-too-small',
    message: `${needs} more images than the ${numImages} of ${id}`,
    hint: `at most ${most}`,
  }
}
