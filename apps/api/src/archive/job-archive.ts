import { pipeline } from 'node:stream'
import {
  ARCHIVE_VERSION,
  ArchivedCheckpoint,
  ArchivedSample,
  type ArchiveManifest,
  type Checkpoint,
  type CheckpointChoice,
  type Job,
  type Sample,
} from '@kantor/contracts'
import {
  type Database,
  getCheckpoint,
  listAttempts,
  listCheckpoints,
  listEvents,
  newestCheckpoint,
  readCurveHistory,
  sampleCoordinates,
} from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'
import { pointPages } from '../point-pages.js'
import { allSamples, samplePng } from '../sample-png.js'
import { verifying } from '../send-object.js'
import { checkpointEntry, coordinatesEntry, sampleEntry } from './entry-names.js'
import { toPointsCsv } from './points-csv.js'
import { toPointsParquet } from './points-parquet.js'
import type { WrittenEntry, ZipEntry } from './zip-stream.js'

interface Sources {
  db: Database
  store: Pick<ObjectStore, 'get' | 'getBytes'>
}

/**
 * Everything that is known of a job, in formats that need no Kantor: JSON, CSV, Parquet, PNG, safetensors. A job that is over gives the
 * same entries each time. Read while it is sent: an object that is missing or damaged, or a job that is deleted meanwhile, breaks it off.
 */
export async function jobArchive(from: Sources, job: Job, choice: CheckpointChoice): Promise<ZipEntry[]> {
  const { db } = from
  const samples = (await allSamples(db, job.id)).reverse()
  const checkpoints = await chosenCheckpoints(db, job.id, choice)
  const hasSuperseded = !(await pointPages(db, job.id, false).next()).done
  const { spec, waiting: _, ...record } = job
  return [
    json('job.json', record),
    json('spec.json', spec),
    json('events.json', await listEvents(db, job.id)),
    json('attempts.json', await listAttempts(db, job.id)),
    json('samples.json', samples.map(toArchivedSample)),
    json('checkpoints.json', checkpoints),
    json('curve.json', await readCurveHistory(db, job.id)),
    { name: 'curve.csv', content: () => toPointsCsv(pointPages(db, job.id)) },
    ...(hasSuperseded ? [{ name: 'superseded.csv', content: () => toPointsCsv(pointPages(db, job.id, false)) }] : []),
    { name: 'curve.parquet', compress: false, content: () => toPointsParquet(pointPages(db, job.id)) },
    ...samples.flatMap((sample): ZipEntry[] => [
      bytes(sampleEntry(sample), () => samplePng(from, sample)),
      ...(sample.points ? [bytes(coordinatesEntry(sample), () => sampleCoordinates(db, sample.id))] : []),
    ]),
    ...checkpoints.flatMap(({ id, file }): ZipEntry[] =>
      file === null ? [] : [{ name: file, compress: false, content: () => checkpointBytes(from, id) }],
    ),
  ]
}

export function manifestText(host: string, entries: readonly WrittenEntry[]): string {
  const manifest: ArchiveManifest = { format: 'kantor-job', version: ARCHIVE_VERSION, host, entries: [...entries] }
  return text(manifest)
}

const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

const json = (name: string, value: unknown): ZipEntry => ({
  name,
  content: async function* () {
    yield text(value)
  },
})

const bytes = (name: string, read: () => Promise<Uint8Array>): ZipEntry => ({
  name,
  compress: false,
  content: async function* () {
    yield await read()
  },
})

const toArchivedSample = (sample: Sample) => ArchivedSample.parse({ ...sample, file: sampleEntry(sample) })

/** All of them in the order of steps; damaged ones are told, and their bytes stay where they are. */
async function chosenCheckpoints(db: Database, jobId: string, choice: CheckpointChoice): Promise<ArchivedCheckpoint[]> {
  const last = await newestCheckpoint(db, jobId)
  return (await allCheckpoints(db, jobId)).reverse().map((checkpoint) => {
    const wanted = choice === 'all' || (choice === 'last' && checkpoint.id === last?.id)
    const file = wanted && !checkpoint.quarantined ? checkpointEntry(checkpoint) : null
    return ArchivedCheckpoint.parse({ ...checkpoint, file })
  })
}

async function allCheckpoints(db: Database, jobId: string): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page = await listCheckpoints(db, jobId, { limit: 200, cursor })
    checkpoints.push(...page.items)
    cursor = page.nextCursor
  }
  return checkpoints
}

async function* checkpointBytes({ db, store }: Sources, id: string): AsyncGenerator<Uint8Array> {
  const checkpoint = await getCheckpoint(db, id)
  if (!checkpoint) throw new Error(`checkpoint ${id} is not kept any more`)
  const verified = verifying(checkpoint)
  pipeline(await store.get(checkpoint.key), verified, () => {})
  yield* verified as AsyncIterable<Uint8Array>
}
