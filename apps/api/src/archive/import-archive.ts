import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, type ArchivedCheckpoint, type ArchivedSample, type Job } from '@kantor/contracts'
import { type Database, type ImportedJob, importJob, newJobId } from '@kantor/db'
import { checkpointKey, type ObjectStore, sampleKey } from '@kantor/storage'
import type { ApiDeps } from '../deps.js'
import { removeObjects } from '../remove-objects.js'
import type { SpooledUpload } from '../spool.js'
import { readPointsCsv } from './points-csv.js'
import { coordinatesEntry } from './entry-names.js'
import { type JobArchive, readJobArchive } from './read-job-archive.js'
import { safetensorsFault } from './safetensors-header.js'

/** An archive may hold this many times its own size; its curve is text, which shrinks. */
const UNFOLDING = 4

interface Importing {
  db: Database
  deps: Pick<ApiDeps, 'store' | 'log' | 'importMebibytes'>
  upload: SpooledUpload
  actor: string
  keyId: string | null
}

/**
 * Makes a job of its archive: objects first, then all rows at once. When anything is wrong nothing stays. AppError `archive-…` as
 * `readJobArchive` says, `checkpoint-corrupt`.
 */
export async function importArchive({ db, deps, upload, actor, keyId }: Importing): Promise<Job> {
  const archive = await readJobArchive(upload.file, deps.importMebibytes * 2 ** 20 * UNFOLDING)
  const id = newJobId()
  try {
    await drain(archive.open('curve.parquet'))
    const { 'job.json': job, 'spec.json': spec, ...documents } = archive.documents
    const objects = await storeObjects(id, archive, deps.store, upload.directory)
    const imported: ImportedJob = {
      id,
      job,
      spec,
      importedFrom: { jobId: job.id, host: archive.host, createdAt: job.createdAt, startFrom: job.startFrom },
      events: documents['events.json'],
      attempts: documents['attempts.json'],
      ...objects,
      curve: documents['curve.json'],
      points: readPoints(archive, 'curve.csv', job.attempt),
      superseded: readPoints(archive, 'superseded.csv', job.attempt),
      actor,
      keyId,
    }
    return await importJob(db, imported)
  } catch (error) {
    await removeObjects(deps, id)
    throw error
  } finally {
    archive.close()
  }
}

function required(archive: JobArchive, name: string): AsyncIterable<Uint8Array> {
  const bytes = archive.open(name)
  if (bytes === null) throw new AppError('archive-invalid', `the archive holds no ${name}`)
  return bytes
}

async function* readPoints(archive: JobArchive, name: 'curve.csv' | 'superseded.csv', attempts: number) {
  const effective = name === 'curve.csv'
  // Most jobs have nothing that gave way.
  const bytes = effective ? required(archive, name) : archive.open(name)
  if (bytes !== null) yield* readPointsCsv(bytes, { name, attempts, effective })
}

/** For what is not used: its hash must be right all the same. */
async function drain(bytes: AsyncIterable<Uint8Array> | null): Promise<void> {
  if (bytes !== null) for await (const _ of bytes);
}

async function storeObjects(
  id: string,
  archive: JobArchive,
  store: Pick<ObjectStore, 'put'>,
  directory: string,
): Promise<Pick<ImportedJob, 'samples' | 'checkpoints'>> {
  const { 'samples.json': listedSamples, 'checkpoints.json': listedCheckpoints } = archive.documents
  const samples: ImportedJob['samples'] = []
  for (const sample of listedSamples) {
    const key = sampleKey(id, sample.step, sample.attempt, sample.sha256)
    const png = await samplePng(sample, archive)
    await store.put(key, png, { contentType: 'image/png', sha256: sample.sha256 })
    const coordinates = sample.points && (await whole(archive, coordinatesEntry(sample)))
    samples.push({ ...sample, key, coordinates })
  }
  const checkpoints: ImportedJob['checkpoints'] = []
  const file = join(directory, 'checkpoint')
  for (const checkpoint of listedCheckpoints) {
    if (checkpoint.file === null) continue
    const key = checkpointKey(id, checkpoint.step, checkpoint.attempt, checkpoint.sha256)
    await extractCheckpoint(checkpoint, archive, file)
    await store.put(key, { file }, { contentType: 'application/octet-stream', sha256: checkpoint.sha256 })
    await rm(file)
    checkpoints.push({ ...checkpoint, key })
  }
  return { samples, checkpoints }
}

const MAX_SAMPLE_BYTES = 128 * 2 ** 20
const PNG = Buffer.from('89504e470d0a1a0a', 'hex')

async function whole(archive: JobArchive, name: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of required(archive, name)) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_SAMPLE_BYTES)
      throw new AppError('archive-too-large', `${name} has more than ${MAX_SAMPLE_BYTES} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

async function samplePng({ file, step }: ArchivedSample, archive: JobArchive): Promise<Uint8Array> {
  const png = await whole(archive, file)
  if (!png.subarray(0, PNG.length).equals(PNG))
    throw new AppError('archive-invalid', `${file}: the sample of step ${step} is no PNG`)
  return png
}

/** AppError `checkpoint-corrupt` when its bytes are not those of its hash, or no safetensors file. */
async function extractCheckpoint(
  { file: name, step }: ArchivedCheckpoint,
  archive: JobArchive,
  file: string,
): Promise<void> {
  const corrupt = (why: string, cause?: unknown) =>
    new AppError('checkpoint-corrupt', `the checkpoint of step ${step} is damaged: ${why}`, { cause })
  try {
    await pipeline(Readable.from(required(archive, name!), { objectMode: false }), createWriteStream(file))
  } catch (error) {
    if (error instanceof AppError && error.code === 'archive-invalid') throw corrupt(error.detail, error)
    throw error
  }
  const fault = await safetensorsFault(file)
  if (fault !== null) throw corrupt(fault)
}
