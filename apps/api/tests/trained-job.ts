import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openZip } from '@kantor/archives'
import { type CurvePoint, type Job, lossNames, type SeriesName } from '@kantor/contracts'
import {
  addCheckpoint,
  addSample,
  appendPoints,
  type Fence,
  finishAttempt,
  markRunning,
  rollbackCurve,
} from '@kantor/db'
import type { Ask } from './http.js'
import { claim, type Rig, sha256, submit } from './rig.js'

/** Where the first attempt was lost, and went on from; where the second ended. */
export interface Course {
  resumedAt: number
  lostAt: number
  steps: number
}
const BAD_STEPS: Record<number, number> = { 7: Number.NaN, 8: Infinity, 9: -0, 1200: -Infinity, 3400: Number.NaN }

/** Every series with values of its own, most of which no decimal number is; another attempt has others. */
const valueAt = (attempt: number, step: number, series: number): number =>
  BAD_STEPS[step] ?? Math.fround(Math.sin(step * attempt) / (series + 1))
/** Of each series at a step; null where it was not measured. */
export function valuesAt(attempt: number, step: number): Map<SeriesName, number> {
  const measured: SeriesName[] = [...lossNames, 'real_sd', ...(step % 50 === 0 ? (['slope_real'] as const) : [])]
  return new Map(measured.map((name, series) => [name, valueAt(attempt, step, series)]))
}

const points = (attempt: number, first: number, last: number): CurvePoint[] =>
  Array.from({ length: last - first + 1 }, (_, i) => ({
    step: first + i,
    criticStep: (first + i) * 5,
    values: Float32Array.from(lossNames, (name) => valuesAt(attempt, first + i).get(name)!),
    diagnostics: Object.fromEntries([...valuesAt(attempt, first + i)].slice(lossNames.length)),
  }))

/** A job that was lost once, went on from a checkpoint, and ended well. */
export async function trained(rig: Rig, name: string, { resumedAt, lostAt, steps }: Course): Promise<Job> {
  const made = await submit(rig, { name, tags: { set: 'a' } })
  const first = await claim(rig.db, made)
  await markRunning(rig.db, first)
  await storeSample(rig, first, 0)
  await appendPoints(rig.db, first, points(1, 1, resumedAt - 10))
  await storeCheckpoint(rig, first, resumedAt, points(1, resumedAt - 9, resumedAt))
  await storeSample(rig, first, lostAt)
  await appendPoints(rig.db, first, points(1, resumedAt + 1, lostAt))
  await finishAttempt(rig.db, first, { to: 'queued', reason: 'preempted' })
  const second = await claim(rig.db, made)
  await markRunning(rig.db, second)
  await rollbackCurve(rig.db, second, resumedAt)
  await appendPoints(rig.db, second, points(2, resumedAt + 1, steps - 10))
  await storeSample(rig, second, lostAt)
  await storeCheckpoint(rig, second, steps, points(2, steps - 9, steps))
  return finishAttempt(rig.db, second, { to: 'succeeded', reason: 'budget_reached' })
}

async function storeSample(rig: Rig, fence: Fence, step: number): Promise<void> {
  const bytes = Buffer.from(`\x89PNG\r\n\x1a\n${fence.jobId} ${step} ${fence.epoch}`, 'latin1')
  const key = `jobs/${fence.jobId}/samples/${step}-${fence.epoch}.png`
  await rig.store.put(key, bytes, { contentType: 'image/png', sha256: sha256(bytes) })
  const grid = { numImages: 6, columns: 3, tileSize: 10, padding: 2, channels: 1 }
  const object = { key, sizeBytes: bytes.length, sha256: sha256(bytes) }
  // The first one is a picture of points.
  const picture = step === 0 && { points: { dimensions: 2, coordinates: Float32Array.of(1.5, -0, Number.NaN, 1e-45) } }
  await addSample(rig.db, fence, { id: randomUUID(), step, ...object, ...grid, ...picture })
}

/** A safetensors file with one tensor. */
export function weights(value: number): Buffer {
  const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, Buffer.from(Float32Array.of(value, 1, 2, 3).buffer)])
}

export const checkpointPath = (jobId: string, step: number): string => `jobs/${jobId}/checkpoints/${step}`

async function storeCheckpoint(rig: Rig, fence: Fence, step: number, flush: CurvePoint[]): Promise<void> {
  const bytes = weights(step)
  const key = checkpointPath(fence.jobId, step)
  await rig.store.put(key, bytes, { contentType: 'application/octet-stream', sha256: sha256(bytes) })
  const object = { key, sizeBytes: bytes.length, sha256: sha256(bytes) }
  await addCheckpoint(rig.db, fence, { id: randomUUID(), step, points: flush, ...object })
}

export const sendArchive = (payload: Buffer, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  url: '/jobs/import',
  headers: { 'content-type': 'application/zip', ...headers },
  payload,
})

/** An archive's entries by name. */
export type Files = Map<string, Buffer>

export async function unzip(bytes: Buffer, directory: string): Promise<Files> {
  const path = join(directory, `${randomUUID()}.zip`)
  await writeFile(path, bytes)
  const zip = await openZip(path, { maxEntries: 100, maxBytes: 1e8, maxFileBytes: 1e8 })
  const files: Files = new Map()
  for (const file of zip.files) files.set(file.name, Buffer.from(await file.read()))
  zip.close()
  return files
}

export const jsonOf = (files: Files, name: string): unknown => JSON.parse(files.get(name)!.toString())
