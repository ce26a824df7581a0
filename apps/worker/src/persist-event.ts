// What a trainer yields becomes durable here. A row exists only if its bytes are complete in the store and hashed: object
// first, then row; and on the way out row first, then object.
import { createHash, randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { AppError, type PointLaw } from '@kantor/contracts'
import {
  addCheckpoint,
  addSample,
  appendPoints,
  type Database,
  type Fence,
  type Retention,
  retireCheckpoints,
} from '@kantor/db'
import { crashpoint, type Logger } from '@kantor/runtime'
import { checkpointKey, type ObjectBody, type ObjectStore, type PutOptions, sampleKey } from '@kantor/storage'
import type { Intent } from './intent.js'
import { outlast } from './patience.js'
import { PointBuffer } from './point-buffer.js'
import { encodeGrid, PADDING } from './sample-grid.js'
import { encodeScatter, SIDE } from './scatter.js'
import { type CheckpointFile, type Points, type SampleFile, unpackPoints } from './trainer/protocol.js'

export interface PersisterOptions {
  db: Database
  store: ObjectStore
  fence: Fence
  /** Of the real points, where the job trains on points. */
  law: PointLaw | null
  /** Of a conditional run, how many there are. */
  classes: number | undefined
  /** Which checkpoints stay. */
  retention: Retention
  intent: Intent
  log: Logger
  /** The first error that waiting cannot cure; everything later is refused with it. */
  onError: (error: unknown) => void
}

/** The store is up and will not have it: other content under the key, or bytes that arrive changed. */
export class StorageRefused extends Error {
  override name = 'StorageRefused'
}

export interface Persister {
  /** What the object store said last while it does not take what it should; undefined while all is well. */
  readonly outage: string | undefined
  /** Resolves when the trainer may send more of this kind: points are buffered, artifacts committed. */
  persist(message: Points | SampleFile | CheckpointFile): Promise<void>
  /** Resolves when all of it is durable; rejects with the first error, or when nobody waits for artifacts any more. */
  drain(): Promise<void>
  close(): void
}

export function createPersister(options: PersisterOptions): Persister {
  const { db, fence, intent, log, onError } = options
  const patience = { signal: intent.reached('abandon'), log }
  const upload = new Uploads(options)
  const points = new PointBuffer(
    (batch) => outlast('curve points', () => appendPoints(db, fence, batch), patience),
    onError,
  )
  // One artifact after another, beside the points: a long upload does not hold up the curve.
  let artifacts: Promise<void> = Promise.resolve()
  const inTurn = (message: SampleFile | CheckpointFile) => {
    artifacts = artifacts.then(() =>
      message.type === 'sample'
        ? persistSample(message, upload, options)
        : persistCheckpoint(message, { points, upload }, options),
    )
    return artifacts
  }

  return {
    get outage() {
      return upload.outage
    },
    async persist(message) {
      const taken = message.type === 'points' ? points.push(unpackPoints(message)) : inTurn(message)
      taken.catch(onError)
      return taken
    },
    async drain() {
      try {
        await artifacts
      } finally {
        await points.flush()
      }
    },
    close: () => points.close(),
  }
}

/** Puts objects, patiently, and knows what the store says while it does not take them. */
class Uploads {
  readonly #options: PersisterOptions
  outage: string | undefined

  constructor(options: PersisterOptions) {
    this.#options = options
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<void> {
    const { store, intent, log } = this.#options
    const onOutage = (error: unknown) => {
      this.outage = error instanceof AppError ? error.detail : String(error)
    }
    try {
      await outlast('upload', () => store.put(key, body, options), { signal: intent.reached('halt'), log, onOutage })
    } catch (error) {
      throw error instanceof AppError ? new StorageRefused(error.detail, { cause: error }) : error
    } finally {
      this.outage = undefined
    }
  }
}

async function persistSample(
  sample: SampleFile,
  upload: Uploads,
  { db, fence, law, classes, intent, log }: PersisterOptions,
): Promise<void> {
  const { step } = sample
  const { png, ...picture } = law ? await scatterOf(sample, law) : await gridOf(sample, classes)
  const sha256 = createHash('sha256').update(png).digest('hex')
  const key = sampleKey(fence.jobId, step, fence.epoch, sha256)
  const row = {
    id: randomUUID(),
    step,
    key,
    ...picture,
    sizeBytes: png.byteLength,
    sha256,
  }
  await upload.put(key, png, { contentType: 'image/png', sha256 })
  await outlast('sample row', () => addSample(db, fence, row), { signal: intent.reached('halt'), log })
  await rm(sample.file, { force: true })
  log.debug({ step }, 'sample stored')
}

async function gridOf({ file, numImages, imageSize, channels }: SampleFile, classes: number | undefined) {
  const { png, columns } = await encodeGrid({ pixels: await readFile(file), numImages, imageSize, channels, classes })
  return { png, numImages, columns, tileSize: imageSize, padding: PADDING, channels }
}

/** One picture is a grid of one tile. */
async function scatterOf({ file, channels: dimensions }: SampleFile, law: PointLaw) {
  const bytes = await readFile(file)
  const coordinates = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const png = await encodeScatter(coordinates, law)
  return { png, numImages: 1, columns: 1, tileSize: SIDE, padding: 0, channels: 3, points: { dimensions, coordinates } }
}

async function persistCheckpoint(
  checkpoint: CheckpointFile,
  { points, upload }: { points: PointBuffer; upload: Uploads },
  options: PersisterOptions,
): Promise<void> {
  const { db, store, fence, retention, intent, log } = options
  const { step, file, sizeBytes, sha256 } = checkpoint
  const key = checkpointKey(fence.jobId, step, fence.epoch, sha256)
  const id = randomUUID()
  const patience = { signal: intent.reached('halt'), log }
  await upload.put(key, { file }, { contentType: 'application/octet-stream', sha256 })
  crashpoint('checkpoint-uploaded')
  await points.commitThrough(step, (batch) => {
    crashpoint('checkpoint-row-before')
    return outlast(
      'checkpoint row',
      () => addCheckpoint(db, fence, { id, step, key, sizeBytes, sha256, points: batch }),
      patience,
    )
  })
  crashpoint('checkpoint-row-after')
  log.info({ step, sizeBytes }, 'checkpoint committed')
  await rm(file, { force: true })
  for (const retired of await outlast('retired checkpoints', () => retireCheckpoints(db, fence, retention), patience)) {
    // An object without a row is litter, not an error.
    await store
      .remove(retired)
      .catch((error: unknown) => log.warn({ err: error, key: retired }, 'a retired checkpoint was not removed'))
  }
}
