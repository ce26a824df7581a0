import { JobSpec } from '@kantor/contracts'
import { readSafetensors, writeSafetensors } from '../checkpoint/safetensors.js'
import type { ImageSource, TrainControl, TrainEvent } from '../events.js'
import { train, type TrainOptions } from '../train.js'

// Builders for this package's tests.

/** The smallest networks with every kind of layer; `changes` is laid over it, one level deep. */
export function aSpec(changes: Record<string, unknown> = {}): JobSpec {
  const base = {
    dataset: 'test@000000000000',
    model: { imageSize: 16, latentSize: 4, generatorFilters: 4, criticFilters: 4 },
    schedule: {
      criticSteps: 2,
      warmup: { generatorSteps: 1, criticSteps: 3 },
      every: { generatorSteps: 4, criticSteps: 4 },
    },
    batchSize: 8,
    seed: 5,
    budget: { generatorSteps: 12 },
    sampling: { every: 5, count: 3 },
    checkpoint: { everySteps: 1000, everySeconds: 86_400 },
    lowerings: 'direct',
  }
  return JobSpec.parse({ ...base, ...changes })
}

/** Images with some structure: stripes whose width depends on the image, and is its label. */
export function someImages(
  numImages = 37,
  imageSize = 16,
  channels = 1,
): ImageSource & { read(indices: Int32Array): Uint8Array } {
  const size = imageSize * imageSize * channels
  return {
    numImages,
    imageSize,
    channels,
    labels: Int32Array.from({ length: numImages }, (_, i) => i % 5),
    read: (indices) =>
      Uint8Array.from({ length: indices.length * size }, (_, i) => {
        const image = indices[Math.floor(i / size)] as number
        return 127 + 120 * Math.sin(((i % size) / imageSize) * (1 + (image % 5)) + image)
      }),
  }
}

export const steady: TrainControl = { shouldStop: () => false, elapsedSeconds: () => 0 }

/** Asks the run to stop once it has given `steps` points. */
export async function collect(
  options: Omit<TrainOptions, 'control'> & { control?: TrainControl; stopAfter?: number },
): Promise<TrainEvent[]> {
  const { stopAfter = Infinity, control = steady, ...rest } = options
  const events: TrainEvent[] = []
  const points = () => events.filter(({ type }) => type === 'point').length
  const stopping = { ...control, shouldStop: () => points() >= stopAfter || control.shouldStop() }
  for await (const event of train({ ...rest, control: stopping })) events.push(event)
  return events
}

type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>

export const only = <T extends TrainEvent['type']>(events: TrainEvent[], type: T): EventOf<T>[] =>
  events.filter((event): event is EventOf<T> => event.type === type)

export function lastCheckpoint(events: TrainEvent[]): Uint8Array {
  const last = only(events, 'checkpoint').at(-1)
  if (!last) throw new Error('the run gave no checkpoint')
  return last.bytes
}

/** The same checkpoint with `change` applied to the float32 tensors whose name matches. */
export function alter(checkpoint: Uint8Array, names: RegExp, change: (value: number) => number): Uint8Array {
  const { tensors, metadata } = readSafetensors(checkpoint)
  for (const [name, tensor] of tensors) {
    if (!names.test(name)) continue
    const values = new Float32Array(new Uint8Array(tensor.bytes).buffer).map(change)
    tensors.set(name, { ...tensor, bytes: new Uint8Array(values.buffer) })
  }
  return writeSafetensors(tensors, metadata)
}

export const withMetadata = (checkpoint: Uint8Array, changes: Record<string, string>): Uint8Array => {
  const { tensors, metadata } = readSafetensors(checkpoint)
  return writeSafetensors(tensors, { ...metadata, ...changes })
}
