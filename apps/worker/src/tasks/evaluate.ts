// Images of a checkpoint measured against real ones. The networks that the features come from are made once per dataset version and image size.
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ExtractorKind, metricCatalogue, type MetricName, metricsFor } from '@kantor/contracts'
import { prepareImages } from '@kantor/datasets'
import {
  type ExtractorPlace,
  findExtractors,
  getJob,
  registerExtractor,
  resolveDataset,
  type StoredExtractor,
} from '@kantor/db'
import { extractorKey } from '@kantor/storage'
import { faultOf, inspectObject } from '../inspect-object.js'
import { outlast } from '../patience.js'
import { runEvaluator } from './evaluator-process.js'
import type { TaskOutcome, TaskWork } from './registry.js'

/** A third of the dataset is the most that is measured, so the figures say how many images they are of. */
export async function evaluate(work: TaskWork<'evaluate'>): Promise<TaskOutcome<'evaluate'>> {
  const spool = join(work.dataDir, 'spool')
  await mkdir(spool, { recursive: true, mode: 0o700 })
  const directory = await mkdtemp(join(spool, 'evaluation-'))
  try {
    return await evaluateIn(directory, work)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function evaluateIn(directory: string, work: TaskWork<'evaluate'>): Promise<TaskOutcome<'evaluate'>> {
  const { task, checkpoint, db, store, dataDir, signal, log } = work
  const { params } = task
  const job = (await outlast('job', () => getJob(db, checkpoint.jobId), { signal, log }))!
  const { imageSize } = job.spec.model
  const dataset = await outlast('dataset', () => resolveDataset(db, job.spec.dataset), { signal, log })
  if (!dataset) throw new Error(`the dataset ${job.spec.dataset} is no longer there`)

  const checkpointFile = join(directory, 'checkpoint.safetensors')
  const fetched = await fetchObject(work, checkpoint, checkpointFile)
  if (fetched !== null) throw new Error(`the checkpoint of step ${checkpoint.step} cannot be used: ${fetched}`)
  const prepare = () => prepareImages({ dataset, imageSize, store, cacheDir: join(dataDir, 'images') })
  const { directory: imagesDirectory } = await outlast('dataset', prepare, { signal, log })

  const metrics = params.metrics ?? metricsFor(dataset)
  const place = { dataset, imageSize }
  const extractorFiles: string[] = []
  for (const kind of kindsFor(metrics, dataset)) {
    const file = join(directory, `${kind}.safetensors`)
    await bringExtractor(work, { place, kind, file, imagesDirectory })
    extractorFiles.push(file)
  }
  const { evaluation } = await runEvaluator(
    { type: 'evaluate', imagesDirectory, checkpointFile, extractorFiles, metrics, numImages: params.images },
    'evaluated',
    { signal, log },
  )
  return { result: evaluation, measurements: evaluation.measurements }
}

function kindsFor(metrics: readonly MetricName[], dataset: { labels: string[] }): Set<ExtractorKind> {
  const best: ExtractorKind = dataset.labels.length > 1 ? 'classifier' : 'random'
  const kinds = metrics.map((name) => metricCatalogue[name].features)
  return new Set(kinds.filter((kind) => kind !== null).map((kind) => (kind === 'best' ? best : kind)))
}

interface Wanted {
  place: ExtractorPlace
  kind: ExtractorKind
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
    const made = await runEvaluator({ type: 'make-extractor', kind, imagesDirectory, file }, 'made', { signal, log })
    const { sizeBytes, sha256, accuracy } = made
    const key = extractorKey(place.dataset.id, place.dataset.version, place.imageSize, kind, sha256)
    const put = () => store.put(key, { file }, { contentType: 'application/octet-stream', sha256 })
    await outlast('extractor upload', put, { signal, log })
    const row: StoredExtractor = { kind, key, sizeBytes, sha256, accuracy }
    stored = await outlast('extractor row', () => registerExtractor(db, place, row), { signal, log })
    log.info({ kind, sha256: stored.sha256, accuracy: stored.accuracy }, 'extractor made')
    if (stored.sha256 === sha256) return
  }
  const fault = await fetchObject(work, stored, file)
  if (fault !== null) throw new Error(`the stored ${kind} ${stored.key} cannot be used: ${fault}`)
}

/** Brings an object here; what is wrong with it, null when it is what its row says. */
async function fetchObject(
  { store, signal, log }: Pick<TaskWork<'evaluate'>, 'store' | 'signal' | 'log'>,
  row: { key: string; sizeBytes: number; sha256: string },
  file: string,
): Promise<string | null> {
  const look = () => inspectObject(store, row.key, signal, () => createWriteStream(file))
  return faultOf(row, await outlast('download', look, { signal, log }))
}
