import { createHash } from 'node:crypto'
import { JobSpec } from '@kantor/contracts'
import type { Lowerings } from '@kantor/engine'
import { train } from '@kantor/training'

// A canary: three steps of the smallest network that has every kind of layer. Seconds, of which compiling is most.
const IMAGE_SIZE = 16
const NUM_IMAGES = 32
const spec = JobSpec.parse({
  dataset: 'self-test@0000000000000000',
  model: { imageSize: IMAGE_SIZE, latentSize: 4, generatorFilters: 4, criticFilters: 4 },
  schedule: { criticSteps: 2, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
  batchSize: 8,
  seed: 1,
  budget: { generatorSteps: 3 },
  sampling: { every: 3, count: 4 },
})
const images = {
  numImages: NUM_IMAGES,
  imageSize: IMAGE_SIZE,
  channels: 1,
  read: (indices: Int32Array) =>
    Uint8Array.from({ length: indices.length * IMAGE_SIZE ** 2 }, (_, i) => (i * 37 + indices[i >> 8]! * 11) % 256),
}

/**
 * Trains the same few steps twice, as a job would be, and compares the bits of curve and samples: equal is `bitwise`, else `best-effort`.
 * Rejects when they cannot be trained at all.
 */
export async function selfTest(): Promise<'bitwise' | 'best-effort'> {
  const first = await run()
  // What was measured for one run holds for the next on this machine, as in jobs; timed anew, a close race may end otherwise.
  const second = await run(first.lowerings)
  return first.hash === second.hash ? 'bitwise' : 'best-effort'
}

async function run(known?: Lowerings): Promise<{ hash: string; lowerings: Lowerings | undefined }> {
  const hash = createHash('sha256')
  const control = { shouldStop: () => false, elapsedSeconds: () => 0 }
  let lowerings = known
  for await (const event of train({ spec, images, control, lowerings: known })) {
    if (event.type === 'ready') lowerings = event.lowerings
    if (event.type === 'point') {
      if (!event.point.values.every(Number.isFinite)) throw new Error(`step ${event.point.step} is not finite`)
      hash.update(new Uint8Array(event.point.values.buffer))
    }
    if (event.type === 'sample') hash.update(new Uint8Array(event.images.buffer))
  }
  return { hash: hash.digest('hex'), lowerings }
}
