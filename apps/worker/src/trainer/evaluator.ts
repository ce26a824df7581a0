// The evaluator process: measures one checkpoint, or makes one extractor. As a trainer it gets numbers through files, holds no credential and
// opens no connection; unlike one it yields the processor to whoever trains.
import { readFile, writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { openImages } from '@kantor/datasets'
import { loadTensorFlow } from '@kantor/engine'
import {
  CheckpointError,
  evaluate,
  ExtractorError,
  makeRandomExtractor,
  openExtractor,
  openUploadedExtractor,
  SafetensorsError,
  trainClassifier,
} from '@kantor/training'
import { type FromEvaluator, ToEvaluator } from './evaluator-protocol.js'
import { exitCodes } from './protocol.js'

type Work<T extends ToEvaluator['type']> = Extract<ToEvaluator, { type: T }>

setPriority(constants.priority.PRIORITY_LOW)
process.on('disconnect', () => process.exit(exitCodes.orphaned))
// Signals for the whole group are for the supervisor: it ends this process when it wants to.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

async function makeExtractor({ kind, imagesDirectory, file }: Work<'make-extractor'>): Promise<FromEvaluator> {
  const images = openImages(imagesDirectory)
  const bytes =
    kind === 'classifier'
      ? trainClassifier({ ...images, numClasses: images.labelNames.length })
      : makeRandomExtractor(images)
  const extractor = openExtractor(bytes, images)
  const { accuracy, sha256 } = extractor
  extractor.dispose()
  await writeFile(file, bytes)
  return {
    type: 'made',
    sizeBytes: bytes.byteLength,
    sha256,
    accuracy,
  }
}

async function measure(work: Work<'evaluate'>): Promise<FromEvaluator> {
  const { metrics, numImages, weights, uploaded } = work
  const images = openImages(work.imagesDirectory)
  const extractors = []
  for (const file of work.extractorFiles) extractors.push(openExtractor(await readFile(file), images))
  if (uploaded) {
    const { imageSize, channels } = images
    extractors.push(
      openUploadedExtractor(await readFile(uploaded.file), { network: uploaded.network, imageSize, channels }),
    )
  }
  const checkpoint = await readFile(work.checkpointFile)
  return { type: 'evaluated', evaluation: evaluate({ checkpoint, images, extractors, metrics, numImages, weights }) }
}

process.once('message', (raw) => {
  void (async () => {
    await loadTensorFlow({ threads: 1 })
    const work = ToEvaluator.parse(raw)
    return work.type === 'evaluate' ? measure(work) : makeExtractor(work)
  })()
    .catch((error: unknown): FromEvaluator => ({
      type: 'failed',
      message: error instanceof Error ? error.message : String(error),
      // Of the network, the checkpoint, or too few images: the same the next time.
      impossible: [ExtractorError, CheckpointError, SafetensorsError, RangeError].some((kind) => error instanceof kind),
    }))
    .then((last) => process.send?.(last, undefined, undefined, () => process.exit(0)))
})
