// Draws images from a checkpoint's generator, in a process of its own: the supervisor carries no TensorFlow.
import { readFile, writeFile } from 'node:fs/promises'
import type { Generate } from '@kantor/contracts'
import { CheckpointError, type Drawing, openDrawing, SafetensorsError, toBytes } from '@kantor/training'
import { lerp, slerp, walk } from '../tasks/latent-path.js'
import { Draw, type FromDrawing } from './draw-protocol.js'
import { exitCodes } from './protocol.js'

/** Images of one pass where none looks at another. */
const AT_ONCE = 64

process.on('disconnect', () => process.exit(exitCodes.orphaned))
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

const say = (message: FromDrawing) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, {}, () => resolve()))

class Impossible extends Error {}

function latentsOf({ from, truncation }: Generate, drawing: Drawing): Float32Array[] {
  const { latentSize } = drawing
  const latentOf = (seed: number) => drawing.latentOf(seed)
  const scaled = (latents: Float32Array[]) => latents.map((z) => z.map((value) => value * truncation))
  switch (from.kind) {
    case 'seeds':
      return scaled(Array.from({ length: from.count }, (_, i) => latentOf(from.seed + i)))
    case 'latents': {
      const wrong = from.latents.findIndex((z) => z.length !== latentSize)
      if (wrong >= 0)
        throw new Impossible(
          `latent ${wrong} has ${from.latents[wrong]!.length} numbers, the generator takes ${latentSize}`,
        )
      return scaled(from.latents.map((z) => Float32Array.from(z)))
    }
    case 'path': {
      const { frames, loop, curve } = from
      return scaled(
        walk(
          from.seeds.map((one) => latentOf(one)),
          { frames, loop, interpolate: curve === 'slerp' ? slerp : lerp },
        ),
      )
    }
  }
}

/** Batch statistics need all images in one pass; running ones make them independent. */
function* passes(latents: Float32Array[], batchNorm: Generate['batchNorm']): Generator<Float32Array> {
  const size = batchNorm === 'batch' ? latents.length : AT_ONCE
  for (let i = 0; i < latents.length; i += size)
    yield Float32Array.from(latents.slice(i, i + size).flatMap((z) => [...z]))
}

async function draw({ checkpointFile, request, imagesFile }: Draw): Promise<FromDrawing> {
  const drawing = await openDrawing(await readFile(checkpointFile), request.weights)
  const latents = latentsOf(request, drawing)
  const images: Uint8Array[] = []
  for (const pass of passes(latents, request.batchNorm)) {
    const values = drawing.draw(pass, request.batchNorm)
    images.push(
      request.as === 'npy' ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : toBytes(values),
    )
  }
  await writeFile(imagesFile, Buffer.concat(images))
  const { imageSize, channels, weights } = drawing
  return { type: 'drawn', numImages: latents.length, imageSize, channels, weights }
}

async function answer(message: Draw): Promise<void> {
  try {
    await say(await draw(message))
  } catch (error) {
    const impossible = [Impossible, CheckpointError, SafetensorsError, RangeError].some((kind) => error instanceof kind)
    await say({ type: 'failed', message: error instanceof Error ? error.message : String(error), impossible })
  }
  process.exit(0)
}

process.on('message', (raw) => {
  void answer(Draw.parse(raw))
})
