import { AppError, isTerminal, type Job, type Sample, type SeriesName } from '@kantor/contracts'
import type { Database } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'
import { pointPages } from '../point-pages.js'
import { allSamples, samplePng } from '../sample-png.js'
import { fileVersion, image, scalars, sessionEnd, sessionStart } from './events.js'
import { toRecord } from './tf-record.js'

interface Sources {
  db: Database
  store: Pick<ObjectStore, 'getBytes'>
}

const seconds = (iso: string) => Date.parse(iso) / 1000

/** Bytes that are put together before they are sent. */
const PART_BYTES = 1 << 16

/**
 * A job as one TensorBoard event file: every effective point of every series, the samples as they are in the store, the spec as
 * hyperparameters. Memory does not grow with the curve. The same job, once it is over, gives the same bytes.
 */
export async function* eventFile(from: Sources, job: Job): AsyncGenerator<Buffer> {
  let records: Buffer[] = []
  let size = 0
  for await (const event of events(from, job)) {
    const record = toRecord(event)
    records.push(record)
    size += record.length
    if (size >= PART_BYTES) {
      yield Buffer.concat(records)
      records = []
      size = 0
    }
  }
  yield Buffer.concat(records)
}

async function* events(from: Sources, job: Job): AsyncGenerator<Buffer> {
  const start = seconds(job.startedAt ?? job.createdAt)
  const waiting = await allSamples(from.db, job.id)
  yield fileVersion(start)
  yield sessionStart(job, start)
  const described = new Set<SeriesName>()
  let wallTime = start
  for await (const points of pointPages(from.db, job.id)) {
    for (const { step, time, values } of points) {
      // A point of before times were noted gets that of the one before it.
      if (!Number.isNaN(time)) wallTime = time / 1000
      while (waiting.length > 0 && waiting.at(-1)!.step < step) yield sampleEvent(from, waiting.pop()!)
      yield scalars({ wallTime, step }, values, described)
    }
  }
  while (waiting.length > 0) yield sampleEvent(from, waiting.pop()!)
  if (isTerminal(job.state)) yield sessionEnd(job, seconds(job.finishedAt ?? job.createdAt))
}

async function sampleEvent(from: Sources, sample: Sample): Promise<Buffer> {
  const png = await samplePng(from, sample)
  // Width and height stand at the same place in every PNG: the first chunk is IHDR.
  if (png.length < 24) throw new AppError('internal', `the sample of step ${sample.step} is no PNG`)
  const size = { width: png.readUInt32BE(16), height: png.readUInt32BE(20) }
  const moment = { wallTime: seconds(sample.createdAt), step: sample.step }
  return image(moment, 'samples', { ...size, channels: sample.channels, png })
}
