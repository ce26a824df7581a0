// What supervisor and trainer say to each other over fork's IPC channel (`serialization: 'advanced'`). Large bytes never travel
// here: samples and checkpoints lie in the attempt's spool directory and only their names do.
import {
  CriticHealth,
  type CurvePoint,
  type DiagnosticName,
  diagnosticCatalogue,
  type Diagnostics,
  JobSpec,
  lossNames,
  PointLaw,
} from '@kantor/contracts'
import { z } from 'zod'

/** The first message to a trainer. */
const Start = z.object({
  type: z.literal('start'),
  /** A parent with another pid means that the supervisor is gone. */
  supervisorPid: z.int(),
  spec: JobSpec,
  /** Prepared shards, verified by the supervisor; or what points are drawn from. */
  data: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('images'), directory: z.string() }),
    z.object({ kind: z.literal('points'), law: PointLaw }),
  ]),
  spoolDirectory: z.string(),
  /** A checkpoint file, verified by the supervisor. */
  resumeFile: z.string().nullable(),
  /** The same of another job, to start from when there is none to resume from. */
  startFile: z.string().nullable(),
  /** Uploaded weights to begin with, when there is neither. */
  weightsFile: z.string().nullable(),
  /** How often a remedy took the job back so far. */
  rollBacks: z.int().min(0),
  /** Where the ways to compute convolutions are kept that were measured on this machine. */
  loweringsFile: z.string(),
})
export type Start = z.infer<typeof Start>

/** Supervisor → trainer. */
export const ToTrainer = z.discriminatedUnion('type', [
  Start,
  /** Checkpoint at the next step boundary, then end. */
  z.object({ type: z.literal('stop') }),
  /** End at the next step boundary; nothing more is wanted. */
  z.object({ type: z.literal('cancel') }),
  /** Message `seq` is taken care of: the trainer may send further ones. */
  z.object({ type: z.literal('ack'), seq: z.int() }),
])
export type ToTrainer = z.infer<typeof ToTrainer>

const diagnosticNames = Object.keys(diagnosticCatalogue) as DiagnosticName[]

/** Values of one series, and the places of their points. */
const Measured = z.object({ at: z.instanceof(Int32Array), values: z.instanceof(Float32Array) })

/** Curve points column by column; `values` is row-major [n, number of losses]. */
export const Points = z
  .object({
    type: z.literal('points'),
    seq: z.int(),
    steps: z.instanceof(Float64Array),
    criticSteps: z.instanceof(Float64Array),
    values: z.instanceof(Float32Array),
    diagnostics: z.partialRecord(z.enum(diagnosticNames), Measured),
    /** Passes over the data begun at the last point. */
    epoch: z.int(),
    /** Training seconds so far, all attempts together. */
    elapsedSeconds: z.number(),
  })
  .refine(
    ({ steps, criticSteps, values }) =>
      steps.length === criticSteps.length && values.length === steps.length * lossNames.length,
    {
      message: 'columns of different lengths',
    },
  )
export type Points = z.infer<typeof Points>

/** Raw NHWC images in `file`: uint8, or little-endian float32 where they are points of `channels` coordinates, which have the size 1. */
const SampleFile = z.object({
  type: z.literal('sample'),
  seq: z.int(),
  step: z.int().min(0),
  file: z.string(),
  numImages: z.int().min(1),
  imageSize: z.int().min(1),
  channels: z.int().min(1).max(128),
})
export type SampleFile = z.infer<typeof SampleFile>

/** A safetensors file, fsynced and read back: `sha256` is of the bytes on the disk. */
const CheckpointFile = z.object({
  type: z.literal('checkpoint'),
  seq: z.int(),
  step: z.int().min(0),
  file: z.string(),
  sizeBytes: z.int().min(1),
  sha256: z.string().length(64),
})
export type CheckpointFile = z.infer<typeof CheckpointFile>

export const FailureKind = z.enum([
  'diverged',
  'out_of_memory',
  'dataset',
  'checkpoint',
  'incompatible',
  'spec',
  'error',
])
export type FailureKind = z.infer<typeof FailureKind>

/** What can hold training at a step boundary. */
export const Obstacle = z.enum(['object_store', 'database', 'disk'])
export type Obstacle = z.infer<typeof Obstacle>

/** Trainer → supervisor. */
export const FromTrainer = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ready'),
    step: z.int().min(0),
    determinism: z.enum(['bitwise', 'best-effort']),
  }),
  /** Sent now and then: how many batches it has read so far, and what keeps it from working, if anything does. */
  z.object({
    type: z.literal('alive'),
    batches: z.int(),
    /** Of all its threads, so far. */
    cpuSeconds: z.number().min(0),
    waitsFor: Obstacle.optional(),
    detail: z.string().optional(),
  }),
  z.object({ type: z.literal('health'), health: CriticHealth }),
  z.object({ type: z.literal('remedy'), step: z.int().min(0), message: z.string() }),
  Points,
  SampleFile,
  CheckpointFile,
  z.object({
    type: z.literal('done'),
    step: z.int().min(0),
    outcome: z.enum(['budget', 'stopped', 'critic_diverged', 'cancelled', 'rolled_back']),
    /** With `rolled_back`: the newest step whose checkpoint may be gone back to, and what was seen. */
    upTo: z.int().min(0).optional(),
    message: z.string().optional(),
  }),
  z.object({ type: z.literal('failed'), kind: FailureKind, message: z.string(), stack: z.string().optional() }),
])
export type FromTrainer = z.infer<typeof FromTrainer>

/** Exit codes of the trainer process. 0 comes after `done`. */
export const exitCodes = { failed: 81, outOfMemory: 82, orphaned: 86 } as const

type Columns = Pick<Points, 'steps' | 'criticSteps' | 'values' | 'diagnostics'>

export function packPoints(points: readonly CurvePoint[]): Columns {
  const values = new Float32Array(points.length * lossNames.length)
  points.forEach((point, row) => values.set(point.values, row * lossNames.length))
  return {
    steps: Float64Array.from(points, (point) => point.step),
    criticSteps: Float64Array.from(points, (point) => point.criticStep),
    values,
    diagnostics: Object.fromEntries(
      diagnosticNames.flatMap((name) => {
        const at = [...points.keys()].filter((row) => points[row]!.diagnostics?.[name] !== undefined)
        const column = {
          at: Int32Array.from(at),
          values: Float32Array.from(at, (row) => points[row]!.diagnostics![name]!),
        }
        return at.length === 0 ? [] : [[name, column]]
      }),
    ),
  }
}

/** Rows of their own: arrays that came over the channel are views of one shared, larger buffer. */
export function unpackPoints({ steps, criticSteps, values, diagnostics }: Columns): CurvePoint[] {
  const width = lossNames.length
  const rows = Array.from(steps, (): Diagnostics => ({}))
  for (const [name, column] of Object.entries(diagnostics) as [DiagnosticName, z.infer<typeof Measured>][]) {
    for (const [i, row] of column.at.entries()) rows[row]![name] = column.values[i]!
  }
  return Array.from(steps, (step, row) => ({
    step,
    criticStep: criticSteps[row]!,
    values: values.slice(row * width, (row + 1) * width),
    diagnostics: rows[row]!,
  }))
}
