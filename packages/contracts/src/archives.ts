// A job as one ZIP file: what its documents hold. docs/concepts/archives.md describes the whole.
import { z } from 'zod'
import { Checkpoint, Sample } from './artifacts.js'
import { about, Job } from './job.js'
import { text } from './strings.js'

/** Of the archive's layout; another number when a reader of this one could go wrong. */
export const ARCHIVE_VERSION = 1

/** `manifest.json`, the last entry: every other one with size and hash. */
export const ArchiveManifest = z.strictObject({
  format: z.literal('kantor-job'),
  version: z.literal(ARCHIVE_VERSION),
  /** The service that made it, under the name by which it was asked. */
  host: text(255),
  entries: z.array(
    z.strictObject({
      name: z.string().max(200),
      sizeBytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
})
export type ArchiveManifest = z.infer<typeof ArchiveManifest>

/** `job.json`. The spec is `spec.json`; why it waits is nobody's business elsewhere. */
export const ArchivedJob = Job.omit({ spec: true, waiting: true }).extend(about)
export type ArchivedJob = z.infer<typeof ArchivedJob>

/** Of `samples.json`, in the order of steps. `file` is its entry. */
export const ArchivedSample = Sample.omit({ jobId: true, url: true }).extend({ file: z.string() })
export type ArchivedSample = z.infer<typeof ArchivedSample>

/** Of `checkpoints.json`, in the order of steps. `file` is its entry, null when its bytes are not in the archive. */
export const ArchivedCheckpoint = Checkpoint.omit({ jobId: true, url: true }).extend({ file: z.string().nullable() })
export type ArchivedCheckpoint = z.infer<typeof ArchivedCheckpoint>

/** `curve.json`: what points alone do not say. */
export const ArchivedCurve = z.object({
  /** The curve's cursor. */
  seq: z.int().min(0),
  /** Of the job, in microseconds since 1970: where the axis `wall` begins. */
  startedAt: z.int().min(0).nullable(),
  /** Each time that a resumed attempt went back behind what was there. */
  rollbacks: z.array(
    z.object({ attempt: z.int().min(1), afterStep: z.int().min(0), seq: z.int().min(1), at: z.iso.datetime() }),
  ),
  /** What was seen of the critic on the way; not effective once a resumed attempt went back behind it. */
  marks: z
    .array(
      z.object({
        attempt: z.int().min(1),
        seq: z.int().min(1),
        step: z.int().min(0),
        kind: z.enum(['health', 'remedy']),
        message: z.string(),
        effective: z.boolean(),
      }),
    )
    .default([]),
})
export type ArchivedCurve = z.infer<typeof ArchivedCurve>

export const archiveFileName = (jobId: string): string => `kantor-job-${jobId}.zip`
