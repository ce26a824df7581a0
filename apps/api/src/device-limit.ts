// A job that no device could hold is refused before anything is allocated for it.
import {
  CriticKind,
  type Dataset,
  estimateMemory,
  type FieldError,
  GeneratorKind,
  type JobSpec,
  Objective,
  Optimizer,
  type Sized,
} from '@kantor/contracts'
import { type Database, type DeviceClass, largestMemory } from '@kantor/db'
import { z } from 'zod'

const GIB = 2 ** 30
const DEFAULT_CEILING = 80 * GIB
/** Every submission asks; workers come and go more slowly than that. */
const HELD_MS = 1_000

/** Bytes of memory: the largest device of each class that a worker told of, and what counts where none did. */
export interface DeviceLimits extends Record<DeviceClass, number | null> {
  ceiling: number
}

/** Read at most once a second. */
export function holdDeviceLimits(db: Database, ceiling = DEFAULT_CEILING): () => Promise<DeviceLimits> {
  let held: { at: number; limits: Promise<DeviceLimits> } | undefined
  return () => {
    const now = performance.now()
    if (!held || now - held.at >= HELD_MS) {
      const limits = largestMemory(db).then((largest) => ({ ...largest, ceiling }))
      const mine = { at: now, limits }
      held = mine
      // A failure is told to those who asked meanwhile, and not kept.
      limits.catch(() => {
        if (held === mine) held = undefined
      })
    }
    return held.limits
  }
}

/** What a job on this device may need. */
export function limitOf(device: JobSpec['device'], limits: DeviceLimits): { bytes: number; of: 'worker' | 'ceiling' } {
  const told = (device === 'any' ? [limits.cpu, limits.gpu] : [limits[device]]).filter((bytes) => bytes !== null)
  return told.length > 0 ? { bytes: Math.max(...told), of: 'worker' } : { bytes: limits.ceiling, of: 'ceiling' }
}

type Placed = Sized & Pick<JobSpec, 'device'>

/** What is wrong with a spec that needs more memory than any device has; null when one may hold it. */
export function exceedsDevice(
  spec: Placed,
  dataset: Pick<Dataset, 'channels'>,
  limits: DeviceLimits,
): FieldError | null {
  const { bytes } = estimateMemory(spec, dataset.channels)
  const limit = limitOf(spec.device, limits)
  if (bytes <= limit.bytes) return null
  const holder =
    limit.of === 'worker'
      ? `the largest ${spec.device === 'any' ? 'device' : spec.device} of a worker has`
      : 'no worker has told of its device, and KANTOR_MEMORY_GIB allows'
  const batchSize = largestBatch(spec, dataset.channels, limit.bytes)
  return {
    pointer: '/spec',
    code: 'resource-limit',
    message: `needs about ${inGib(bytes)} of memory; ${holder} ${inGib(limit.bytes)}`,
    hint:
      batchSize >= 2
        ? `a batchSize of at most ${batchSize}, or fewer filters`
        : 'fewer filters, a smaller image, fewer layers or samples',
    estimated: bytes,
    limit: limit.bytes,
  }
}

/** The largest smaller batch that fits, by bisection; 1 where none does. */
function largestBatch(spec: Placed, channels: number, limit: number): number {
  let [fits, exceeds] = [1, spec.batchSize]
  while (exceeds - fits > 1) {
    const batchSize = Math.floor((fits + exceeds) / 2)
    if (estimateMemory({ ...spec, batchSize }, channels).bytes <= limit) fits = batchSize
    else exceeds = batchSize
  }
  return fits
}

const inGib = (bytes: number): string => `${Number((bytes / GIB).toPrecision(3)).toLocaleString('en-US')} GiB`

/** A grid beyond its bounds is an error of its own, and not the networks'. */
const usualGrid = { count: 64 }

const count = (least: number, fallback: number) => z.int().min(least).default(fallback)

/** What memory depends on, without the bounds that the spec's own schema has. */
const Unbounded = z.object({
  device: z.enum(['any', 'cpu', 'gpu']).default('any'),
  model: z
    .object({
      generator: GeneratorKind.default('dcgan'),
      critic: CriticKind.default('dcgan'),
      imageSize: count(16, 64).refine((size) => Number.isInteger(Math.log2(size))),
      latentSize: count(1, 100),
      generatorFilters: count(2, 64),
      criticFilters: count(1, 64),
      extraLayers: count(0, 0),
    })
    .prefault({}),
  objective: Objective.prefault({ kind: 'wgan-clip' }),
  optimizer: Optimizer.prefault({ kind: 'rmsprop' }),
  batchSize: count(2, 64),
  precision: z.enum(['float32', 'bfloat16']).default('float32'),
  lowerings: z.enum(['measured', 'direct']).default('measured'),
})

/**
 * The same of a raw spec that its schema refuses, so that a batch of 100 000 is told what it would need too. Null when it would fit,
 * or when what is wrong with it leaves nothing to reckon with.
 */
export function wouldExceedDevice(
  spec: unknown,
  dataset: Pick<Dataset, 'channels'>,
  limits: DeviceLimits,
): FieldError | null {
  const parsed = Unbounded.safeParse(spec)
  return parsed.success ? exceedsDevice({ ...parsed.data, sampling: usualGrid }, dataset, limits) : null
}
