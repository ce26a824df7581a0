import { join } from 'node:path'
import { AppError } from '@kantor/contracts'
import { DatasetChanged, prepareImages } from '@kantor/datasets'
import { getJob, resolveDataset } from '@kantor/db'
import { outlast } from '../patience.js'
import { Impossible, type TaskWork } from './registry.js'

/** Brings the images that a checkpoint's job trains on, prepared as for it. Answers their folder. */
export async function jobImages({
  checkpoint,
  db,
  store,
  dataDir,
  signal,
  log,
}: Pick<TaskWork, 'checkpoint' | 'db' | 'store' | 'dataDir' | 'signal' | 'log'>): Promise<string> {
  const patience = { signal, log }
  const { spec } = (await outlast('job', () => getJob(db, checkpoint.jobId), patience))!
  const dataset = await outlast('dataset', () => resolveDataset(db, spec.dataset), patience)
  if (!dataset) throw new Impossible(`the dataset ${spec.dataset} is no longer there: import it again`)
  const { imageSize } = spec.model
  const prepare = () => prepareImages({ dataset, imageSize, store, cacheDir: join(dataDir, 'images') })
  try {
    return (await outlast('dataset', prepare, patience)).directory
  } catch (error) {
    const isGone = error instanceof DatasetChanged || (error instanceof AppError && error.code === 'not-found')
    throw isGone ? new Impossible(error.message) : error
  }
}
