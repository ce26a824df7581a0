import { randomInt } from 'node:crypto'
import {
  AppError,
  type CreateJob,
  type Dataset,
  DatasetRef,
  type FieldError,
  type Job,
  type JobSpec,
  nearest,
} from '@kantor/contracts'
import { createJob, type Database, listDatasets, type NewJob, resolveDataset } from '@kantor/db'
import { crashpoint } from '@kantor/runtime'
import { lintJob } from './lint-job.js'
import { validationFailed } from './plugins/zod.js'

const SEEDS = 2 ** 31

export type Submitter = Pick<NewJob, 'actor' | 'keyId'>

/**
 * Resolves what the client left open (dataset version, seed), so that the stored spec alone reproduces the run, and writes the job. No
 * queue is touched: the row is the job. AppError `validation-failed` when the dataset cannot be used.
 */
export async function submitJob(db: Database, body: CreateJob, by: Submitter): Promise<Job> {
  const { preset: _, ...job } = body
  const dataset = await resolveDataset(db, job.spec.dataset)
  if (!dataset) throw validationFailed([await datasetNotFound(db, job.spec.dataset)])
  if (dataset.numImages < job.spec.batchSize) throw validationFailed([datasetTooSmall(dataset, job.spec.batchSize)])

  const spec: JobSpec = {
    ...job.spec,
    dataset: `${dataset.id}@${dataset.version}`,
    seed: job.spec.seed ?? randomInt(SEEDS),
  }
  crashpoint('submit-before-commit')
  const created = await createJob(db, { job: { ...job, spec }, lint: lintJob(spec, dataset), ...by })
  crashpoint('submit-after-commit')
  return created
}

/** The schema's errors of a refused body, and with them what the database knows about its dataset. */
export async function refuseWithDataset(db: Database, body: unknown, error: unknown): Promise<unknown> {
  if (!(error instanceof AppError) || !error.errors) return error
  const ref = DatasetRef.safeParse(at(at(body, 'spec'), 'dataset'))
  if (!ref.success || (await resolveDataset(db, ref.data))) return error
  return validationFailed([...error.errors, await datasetNotFound(db, ref.data)])
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

const MAX_NAMED = 20

async function datasetNotFound(db: Database, ref: string): Promise<FieldError> {
  const known = await listDatasets(db)
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

const datasetTooSmall = (dataset: Dataset, batchSize: number): FieldError => ({
  pointer: '/spec/batchSize',
  code: 'dataset-too-small',
  message: `a batch of ${batchSize} needs more images than the ${dataset.numImages} of ${dataset.id}`,
  hint: `at most ${dataset.numImages}`,
})
