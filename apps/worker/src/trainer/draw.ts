// Draws images from a checkpoint's generator, in a process of its own: the supervisor carries no TensorFlow.
import { readFile, writeFile } from 'node:fs/promises'
import type { Generate } from '@kantor/contracts'
import { CheckpointError, type Drawing, openDrawing, SafetensorsError, toBytes } from '@kantor/training'
import { findNeighbours } from './find-neighbours.js'
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

/** Of each image where the generator is conditional: those that were asked for, or all there are, in turn; of a path each leg is the next. */
function classesFor({ from, classes: asked }: Generate, count: number, { classes }: Drawing): Turns | undefined {
  if (classes === undefined) {
    if (asked) throw new Impossible('the checkpoint’s generator knows no classes: leave them out')
    return undefined
  }
  const wrong = asked?.find((one) => one >= classes)
  if (wrong !== undefined) throw new Impossible(`there is no class ${wrong}: the generator knows 0 to ${classes - 1}`)
  const turns = asked ?? Array.from({ length: classes }, (_, i) => i)
  const turnOf = (i: number) => (from.kind === 'path' ? Math.floor(i / from.frames) : i) % turns.length
  return { turns: turns.length, ofImages: Int32Array.from({ length: count }, (_, i) => turns[turnOf(i)]!) }
}

interface Turns {
  turns: number
  ofImages: Int32Array
}

/** Batch statistics need all images in one pass; running ones make them independent. */
function* passes(
  latents: Float32Array[],
  classes: Int32Array | undefined,
  batchNorm: Generate['batchNorm'],
): Generator<{ latents: Float32Array; classes: Int32Array | undefined }> {
  const size = batchNorm === 'batch' ? latents.length : AT_ONCE
  for (let i = 0; i < latents.length; i += size)
    yield {
      latents: Float32Array.from(latents.slice(i, i + size).flatMap((z) => [...z])),
      classes: classes?.slice(i, i + size),
    }
}

async function draw({ checkpointFile, request, imagesFile, training }: Draw): Promise<FromDrawing> {
  const drawing = await openDrawing(await readFile(checkpointFile), request.weights)
  const latents = latentsOf(request, drawing)
  const classes = classesFor(request, latents.length, drawing)
  const isNumbers = request.as === 'npy'
  const [numbers, pixels]: [Uint8Array[], Uint8Array[]] = [[], []]
  for (const pass of passes(latents, classes?.ofImages, request.batchNorm)) {
    const values = drawing.draw(pass.latents, request.batchNorm, pass.classes)
    if (isNumbers) numbers.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    if (!isNumbers || training) pixels.push(toBytes(values))
  }
  await writeFile(imagesFile, Buffer.concat(isNumbers ? numbers : pixels))
  const { imageSize, channels, weights, spec } = drawing
  const turns = classes && { classes: classes.turns }
  const { neighbours: k } = request
  const neighbours =
    training && k !== undefined && (await findNeighbours(Buffer.concat(pixels), { ...training, spec, k }))
  const found = neighbours && { neighbours }
  return { type: 'drawn', numImages: latents.length, imageSize, channels, weights, ...turns, ...found }
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
