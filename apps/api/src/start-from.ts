// A job that goes on from a checkpoint of another one: what it may change, and what it says about it.
import { type Dataset, type FieldError, type Job, type JobSpec, Model, type StartFrom } from '@kantor/contracts'
import {
  type Database,
  getCheckpoint,
  getJob,
  getWeights,
  resolveDataset,
  type StoredCheckpoint,
  type StoredWeights,
} from '@kantor/db'

interface CheckpointStart {
  fault?: undefined
  checkpoint: StoredCheckpoint
  /** The job that made it, and what that trained on; null when it is not registered any more. */
  parent: Job
  dataset: Dataset | null
}

interface WeightsStart {
  fault?: undefined
  weights: StoredWeights
}

export type Start = CheckpointStart | WeightsStart

/** Checkpoint or weights, or what is wrong with the choice: they are not there, or the checkpoint is damaged. */
export async function findStart(db: Database, from: StartFrom): Promise<Start | { fault: FieldError }> {
  if ('weights' in from) {
    const weights = await getWeights(db, from.weights)
    if (weights && !weights.features) return { weights }
    const message = weights
      ? `the weights ${from.weights} are a network to measure by, not one to train`
      : `there are no weights ${from.weights}`
    return {
      fault: { pointer: '/startFrom/weights', code: 'weights-not-found', message, hint: 'POST /weights uploads some' },
    }
  }
  const { jobId, checkpoint: id } = from
  const checkpoint = await getCheckpoint(db, id)
  const parent = await getJob(db, jobId)
  if (!checkpoint || !parent || checkpoint.jobId !== jobId) {
    const message = `job ${jobId} has no checkpoint ${id}; old ones are not kept`
    return noStart(message, parent ? `GET /jobs/${jobId}/checkpoints lists them` : undefined)
  }
  if (checkpoint.quarantined)
    return noStart('was put aside: it is damaged, or a roll-back gave it up; choose another one')
  return { checkpoint, parent, dataset: await resolveDataset(db, parent.spec.dataset) }
}

const noStart = (message: string, hint?: string): { fault: FieldError } => ({
  fault: {
    pointer: '/startFrom/checkpoint',
    code: 'checkpoint-not-found',
    message,
    ...(hint !== undefined && { hint }),
  },
})

/** Each field in which the checkpoint's networks differ from the spec's, and a budget that was spent before. */
export function misfits(start: Start, spec: JobSpec, dataset: Dataset): FieldError[] {
  // Names and shapes of uploaded weights are compared when the networks are built.
  if ('weights' in start) return []
  const { parent, checkpoint, dataset: trainedOn } = start
  const errors: FieldError[] = []
  for (const key of Object.keys(Model.shape) as (keyof JobSpec['model'])[]) {
    const before = parent.spec.model[key]
    if (spec.model[key] === before) continue
    errors.push({
      pointer: `/spec/model/${key}`,
      code: 'incompatible-shape',
      message: `the checkpoint holds networks ${before === undefined ? `without ${key}` : `with ${key} ${before}`}`,
      hint: `${before === undefined ? 'leave it out' : `keep ${before}`}, or start from scratch`,
    })
  }
  if (trainedOn && trainedOn.channels !== dataset.channels) {
    errors.push({
      pointer: '/spec/dataset',
      code: 'incompatible-shape',
      message: `has ${dataset.channels} channels, the checkpoint's networks are made for ${trainedOn.channels}`,
    })
  }
  const { generatorSteps } = spec.budget
  if (generatorSteps !== undefined && generatorSteps <= checkpoint.step) {
    errors.push({
      pointer: '/spec/budget/generatorSteps',
      code: 'out-of-range',
      message: `is spent already: the checkpoint is of step ${checkpoint.step}, and counting goes on from there`,
      hint: `more than ${checkpoint.step}`,
    })
  }
  return errors
}

/** For the job's first event: where it starts, and what does not come along. */
export function describeStart(start: Start, spec: JobSpec): string {
  if ('weights' in start) {
    const { networks, sha256 } = start.weights
    return `starts from uploaded weights (${networks.join(' and ')}, sha256 ${sha256.slice(0, 16)})`
  }
  const { checkpoint, parent } = start
  const from = `starts from the checkpoint of step ${checkpoint.step} of job ${parent.id}`
  const [before, now] = [parent.spec.optimizer.kind, spec.optimizer.kind]
  const slots = before === now ? '' : `; ${now} in place of ${before}: the optimizer's state starts anew`
  const data = parent.spec.dataset === spec.dataset && parent.spec.batchSize === spec.batchSize
  return `${from}${slots}${data ? '' : '; other data or batches: a new pass over the data begins'}`
}
