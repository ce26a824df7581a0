import { randomInt } from 'node:crypto'
import {
  AppError,
  type CreateJob,
  type Dataset,
  DatasetRef,
  type FieldError,
  type Job,
  type JobSpec,
  type KeyQuotas,
  nearest,
} from '@kantor/contracts'
import {
  countQueued,
  createJobs,
  type Database,
  joinedTransaction,
  listDatasets,
  type NewJob,
  type NewTrial,
  resolveDataset,
} from '@kantor/db'
import { exceedsBudget } from './job-budget.js'
import { modelMisfits } from './model-misfits.js'
import { lintJob } from './lint-job.js'
import { describeStart, findStart, misfits } from './start-from.js'
import { validationFailed } from './plugins/zod.js'

const SEEDS = 2 ** 31
const MAX_ERRORS = 50
const QUEUE_RETRY_SECONDS = 30

export interface Submitter extends Pick<NewJob, 'actor' | 'keyId'> {
  /** What its key may use; null without keys. */
  quotas: KeyQuotas | null
}

/** One job of a request: its body, and where it stands in the request's. */
export interface Submission<Body = CreateJob> {
  body: Body
  /** RFC 6901 pointer; empty when the job is the whole body. */
  pointer: string
  /** Of the sweep that it belongs to. */
  trial?: NewTrial
}

/**
 * Resolves what the client left open (dataset version, seed), so that the stored specs alone reproduce the runs, and writes all jobs at
 * once. No queue is touched: the row is the job. AppError `validation-failed` when a dataset or a
 * checkpoint to start from cannot be used; then nothing is written.
 */
export async function submitJobs(db: Database, submissions: Submission[], by: Submitter): Promise<Job[]> {
  const datasets = await resolveAll(
    db,
    submissions.map(({ body }) => body.spec.dataset),
  )
  const errors: FieldError[] = []
  const starts = new Map<Submission, Awaited<ReturnType<typeof findStart>>>()
  for (const one of submissions) {
    if (one.body.startFrom) starts.set(one, await findStart(db, one.body.startFrom))
  }
  const author = { actor: by.actor, keyId: by.keyId ?? null }
  const jobs = submissions.flatMap((one): NewJob[] => {
    const { pointer, trial } = one
    const { preset: _, ...job } = one.body
    const dataset = datasets.found.get(job.spec.dataset)
    if (!dataset) {
      errors.push(under(pointer, datasetNotFound(datasets.known, job.spec.dataset)))
      return []
    }
    if (dataset.numImages - job.spec.heldOut < job.spec.batchSize)
      errors.push(under(pointer, datasetTooSmall(dataset, job.spec)))
    errors.push(...modelMisfits(job.spec.model, dataset).map((fault) => under(pointer, fault)))
    const spec: JobSpec = {
      ...job.spec,
      dataset: `${dataset.id}@${dataset.version}`,
      seed: job.spec.seed ?? randomInt(SEEDS),
    }
    const excess = exceedsBudget(spec, dataset, by.quotas)
    if (excess) errors.push(under(pointer, excess))
    const start = starts.get(one)
    if (!start) return [{ job: { ...job, spec }, lint: lintJob(spec, dataset), trial, ...author }]
    const faults = start.fault ? [start.fault] : misfits(start, spec, dataset)
    errors.push(...faults.map((fault) => under(pointer, fault)))
    if (start.fault) return []
    return [{ job: { ...job, spec }, lint: lintJob(spec, dataset), message: describeStart(start, spec), ...author }]
  })
  if (errors.length > 0) throw validationFailed(errors.slice(0, MAX_ERRORS))
  return createWithin(db, jobs, by)
}

/** AppError `queue-full` when the key would have more jobs waiting than it may. */
async function createWithin(db: Database, jobs: NewJob[], { keyId, quotas }: Submitter): Promise<Job[]> {
  const most = quotas?.maxQueued
  if (!keyId || most === undefined || most === null) return createJobs(db, jobs)
  return joinedTransaction(db, async (joined) => {
    const waiting = await countQueued(joined, keyId)
    if (waiting + jobs.length <= most) return createJobs(joined, jobs)
    const asked = jobs.length === 1 ? '' : ` and ${jobs.length} more were asked for`
    throw new AppError('queue-full', `${waiting} of the ${most} jobs that this key may have waiting do${asked}`, {
      retryAfterSeconds: QUEUE_RETRY_SECONDS,
    })
  })
}

/** The schema's errors of a refused body, and with them what the database knows about its datasets. */
export async function refuseWithDatasets(
  db: Database,
  submissions: Submission<unknown>[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof AppError) || !error.errors) return error
  const named = submissions.flatMap(({ body, pointer }) => {
    const ref = DatasetRef.safeParse(at(at(body, 'spec'), 'dataset'))
    return ref.success ? [{ ref: ref.data, pointer }] : []
  })
  const { found, known } = await resolveAll(
    db,
    named.map(({ ref }) => ref),
  )
  const missing = named
    .filter(({ ref }) => !found.has(ref))
    .map(({ ref, pointer }) => under(pointer, datasetNotFound(known, ref)))
  return missing.length === 0 ? error : validationFailed([...error.errors, ...missing].slice(0, MAX_ERRORS))
}

const under = (pointer: string, error: FieldError): FieldError => ({ ...error, pointer: pointer + error.pointer })

interface Resolved {
  found: Map<string, Dataset>
  /** All there are, when one was not found. */
  known: Dataset[]
}

async function resolveAll(db: Database, refs: string[]): Promise<Resolved> {
  const found = new Map<string, Dataset>()
  const distinct = new Set(refs)
  for (const ref of distinct) {
    const dataset = await resolveDataset(db, ref)
    if (dataset) found.set(ref, dataset)
  }
  return { found, known: found.size < distinct.size ? await listDatasets(db) : [] }
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
