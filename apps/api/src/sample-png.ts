import { createHash } from 'node:crypto'
import { AppError, type Sample } from '@kantor/contracts'
import { type Database, getSample, listSamples } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'

/** Every sample of a job that is not rolled back, newest first. */
export async function allSamples(db: Database, jobId: string): Promise<Sample[]> {
  const samples: Sample[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page = await listSamples(db, jobId, { limit: 200, cursor })
    samples.push(...page.items)
    cursor = page.nextCursor
  }
  return samples
}

/** The PNG of a sample, compared with its hash. AppError `not-found`, `internal` for damaged bytes. */
export async function samplePng(
  { db, store }: { db: Database; store: Pick<ObjectStore, 'getBytes'> },
  { id, step, sha256 }: Sample,
): Promise<Buffer> {
  const stored = await getSample(db, id)
  if (!stored) throw new AppError('not-found', `there is no sample ${id}`)
  const bytes = await store.getBytes(stored.key)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== sha256)
    throw new AppError('internal', `the sample of step ${step} has the hash ${found}, not ${sha256}`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
