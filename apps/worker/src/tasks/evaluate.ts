// Images of a checkpoint measured against real ones. The networks that the features come from are made once per dataset version and image size.
import { join } from 'node:path'
import {
  type FeatureNetwork,
  type MadeExtractor,
  metricCatalogue,
  type MetricName,
  metricsFor,
} from '@kantor/contracts'
import { prepareImages } from '@kantor/datasets'
import {
  type ExtractorPlace,
  findExtractors,
  getJob,
  getWeights,
  registerExtractor,
  resolveDataset,
  type StoredExtractor,
} from '@kantor/db'
import { extractorKey } from '@kantor/storage'
import { fetchObject } from '../inspect-object.js'
import { outlast } from '../patience.js'
import { FromEvaluator, type ToEvaluator } from '../trainer/evaluator-protocol.js'
import { Impossible, type TaskOutcome, type TaskWork } from './registry.js'
import { inTaskFolder } from './task-folder.js'
import { askProcess } from './task-process.js'

/** A third of the dataset is the most that is measured, so the figures say how many images they are of. */
export const evaluate = (work: TaskWork<'evaluate'>): Promise<TaskOutcome<'evaluate'>> =>
  inTaskFolder(work, (directory) => evaluateIn(directory, work))

async function evaluateIn(directory: string, work: TaskWork<'evaluate'>): Promise<TaskOutcome<'evaluate'>> {
  const { task, checkpoint, db, store, dataDir, signal, log } = work
  const { params } = task
  const job = (await outlast('job', () => getJob(db, checkpoint.jobId), { signal, log }))!
  const { imageSize } = job.spec.model
  const dataset = await outlast('dataset', () => resolveDataset(db, job.spec.dataset), { signal, log })
  if (!dataset) throw new Error(`the dataset ${job.spec.dataset} is no longer there`)

  const checkpointFile = join(directory, 'checkpoint.safetensors')
  const fetched = await fetchObject(store, checkpoint, checkpointFile, { signal, log })
  if (fetched !== null) throw new Error(`the checkpoint of step ${checkpoint.step} cannot be used: ${fetched}`)
  const prepare = () => prepareImages({ dataset, imageSize, store, cacheDir: join(dataDir, 'images') })
  const { directory: imagesDirectory } = await outlast('dataset', prepare, { signal, log })

  const metrics = params.metrics ?? metricsFor(dataset, params.extractor)
  const place = { dataset, imageSize }
  const extractorFiles: string[] = []
  for (const kind of kindsFor(metrics, dataset)) {
    const file = join(directory, `${kind}.safetensors`)
    await bringExtractor(work, { place, kind, file, imagesDirectory })
    extractorFiles.push(file)
  }
  const { images: numImages, weights } = params
  const uploaded = await bringUploaded(work, metrics, join(directory, 'uploaded.pb'))
  const measured = { metrics, numImages, weights, uploaded }
  const { evaluation } = await ask(
    { type: 'evaluate', imagesDirectory, checkpointFile, extractorFiles, ...measured },
    'evaluated',
    signal,
  )
  // A curve follows one generator: that which is measured unless another is asked for.
  const isUsual = evaluation.weights === (job.spec.generatorAverage ? 'average' : 'generator')
  return { result: evaluation, measurements: isUsual ? evaluation.measurements : [] }
}

function kindsFor(metrics: readonly MetricName[], dataset: { labels: string[] }): Set<MadeExtractor> {
  const best: MadeExtractor = dataset.labels.length > 1 ? 'classifier' : 'random'
  const kinds = metrics.map((name) => metricCatalogue[name].features)
  const made = kinds.filter((kind) => kind !== null && kind !== 'uploaded')
  return new Set(made.map((kind) => (kind === 'best' ? best : kind)))
}

/** Somebody's own network, where a metric asks for its features. */
async function bringUploaded(
  { task, db, store, signal, log }: TaskWork<'evaluate'>,
  metrics: readonly MetricName[],
  file: string,
): Promise<{ file: string; network: FeatureNetwork } | undefined> {
  const { extractor: id } = task.params
  if (id === undefined || metrics.every((name) => metricCatalogue[name].features !== 'uploaded')) return undefined
  const weights = await outlast('weights', () => getWeights(db, id), { signal, log })
  if (!weights?.features) throw new Impossible(`the weights ${id} are no longer there: upload the network again`)
  const fault = await fetchObject(store, weights, file, { signal, log })
  if (fault !== null) throw new Impossible(`the network ${id} cannot be used, ${fault}: upload it again`)
  return { file, network: weights.features }
}

interface Wanted {
  place: ExtractorPlace
  kind: MadeExtractor
  file: string
  imagesDirectory: string
}

/** The one that is there, or a new one for everybody; of two that are made at once the first one counts. */
async function bringExtractor(
  work: TaskWork<'evaluate'>,
  { place, kind, file, imagesDirectory }: Wanted,
): Promise<void> {
  const { db, store, signal, log } = work
  const found = await outlast('extractors', () => findExtractors(db, place), { signal, log })
  let stored = found.find((one) => one.kind === kind)
  if (!stored) {
    const made = await ask({ type: 'make-extractor', kind, imagesDirectory, file }, 'made', signal)
    const { sizeBytes, sha256, accuracy } = made
    const key = extractorKey(place.dataset.id, place.dataset.version, place.imageSize, kind, sha256)
    const put = () => store.put(key, { file }, { contentType: 'application/octet-stream', sha256 })
    await outlast('extractor upload', put, { signal, log })
    const row: StoredExtractor = { kind, key, sizeBytes, sha256, accuracy }
    stored = await outlast('extractor row', () => registerExtractor(db, place, row), { signal, log })
    log.info({ kind, sha256: stored.sha256, accuracy: stored.accuracy }, 'extractor made')
    if (stored.sha256 === sha256) return
  }
  const fault = await fetchObject(store, stored, file, { signal, log })
  if (fault !== null) throw new Error(`the stored ${kind} ${stored.key} cannot be used: ${fault}`)
}

async function ask<T extends 'made' | 'evaluated'>(
  message: ToEvaluator,
  expected: T,
  signal: AbortSignal,
): Promise<Extract<FromEvaluator, { type: T }>> {
  const said = await askProcess('trainer/evaluator.js', message, FromEvaluator, signal)
  if (said.type === expected) return said as Extract<FromEvaluator, { type: T }>
  if (said.type === 'failed') throw said.impossible ? new Impossible(said.message) : new Error(said.message)
  throw new Error(`the evaluator answered ${said.type}`)
}
