// A job that goes on from a checkpoint of another one: what it may change, and what it says about it.
import { type Dataset, type FieldError, type Job, type JobSpec, Model, type StartFrom } from '@kantor/contracts'
import { type Database, getCheckpoint, getJob, resolveDataset, type StoredCheckpoint } from '@kantor/db'

export interface Start {
  fault?: undefined
  checkpoint: StoredCheckpoint
  /** The job that made it, and what that trained on; null when it is not registered any more. */
  parent: Job
  dataset: Dataset | null
}

/** The checkpoint, or what is wrong with the choice: the job has no such checkpoint, or it is damaged. */
export async function findStart(
  db: Database,
  { jobId, checkpoint: id }: StartFrom,
): Promise<Start | { fault: FieldError }> {
  const checkpoint = await getCheckpoint(db, id)
  const parent = await getJob(db, jobId)
  if (!checkpoint || !parent || checkpoint.jobId !== jobId) {
    const message = `job ${jobId} has no checkpoint ${id}; old ones are not kept`
    return noStart(message, parent ? `GET /jobs/${jobId}/checkpoints lists them` : undefined)
  }
  if (checkpoint.quarantined) return noStart('is damaged and was put aside; choose another one')
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
export function describeStart({ checkpoint, parent }: Start, spec: JobSpec): string {
  const from = `starts from the checkpoint of step ${checkpoint.step} of job ${parent.id}`
  const [before, now] = [parent.spec.optimizer.kind, spec.optimizer.kind]
  const slots = before === now ? '' : `; ${now} in place of ${before}: the optimizer's state starts anew`
  const data = parent.spec.dataset === spec.dataset && parent.spec.batchSize === spec.batchSize
  return `${from}${slots}${data ? '' : '; other data or batches: a new pass over the data begins'}`
}
