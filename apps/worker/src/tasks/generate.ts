import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { generatedMedia } from '@kantor/contracts'
import { outputKey } from '@kantor/storage'
import { fetchObject } from '../inspect-object.js'
import { outlast } from '../patience.js'
import { type Draw, FromDrawing } from '../trainer/draw-protocol.js'
import { writers } from './images-file.js'
import { Impossible, type TaskOutcome, type TaskWork } from './registry.js'
import { inTaskFolder } from './task-folder.js'
import { askProcess } from './task-process.js'

/** Draws images in a process with TensorFlow, and puts them into the store as one object. */
export const generate = (work: TaskWork<'generate'>): Promise<TaskOutcome<'generate'>> =>
  inTaskFolder(work, (directory) => generateIn(directory, work))

async function generateIn(directory: string, work: TaskWork<'generate'>): Promise<TaskOutcome<'generate'>> {
  const { task, checkpoint, store, signal, log } = work
  const checkpointFile = join(directory, 'checkpoint.safetensors')
  const fault = await fetchObject(store, checkpoint, checkpointFile, { signal, log })
  if (fault !== null)
    throw new Impossible(`the checkpoint is damaged, ${fault}: have it verified, and ask for another one`)

  const imagesFile = join(directory, 'images')
  const { weights, ...drawn } = await draw({ type: 'draw', checkpointFile, imagesFile, request: task.params }, signal)
  const file = join(directory, 'output')
  await writers[task.params.as]({ ...drawn, pixels: await readFile(imagesFile) }, file)
  const { size: sizeBytes } = await stat(file)
  const sha256 = await hashOf(file)
  const key = outputKey(checkpoint.jobId, task.id, sha256)
  const contentType = generatedMedia[task.params.as]
  await outlast('upload', () => store.put(key, { file }, { contentType, sha256 }), { signal, log })
  return { result: { ...drawn, weights, sizeBytes, sha256, url: `/tasks/${task.id}/output` }, output: key }
}

async function draw(message: Draw, signal: AbortSignal) {
  const said = await askProcess('trainer/draw.js', message, FromDrawing, signal)
  if (said.type === 'failed') throw said.impossible ? new Impossible(said.message) : new Error(said.message)
  const { type: _, ...drawn } = said
  return drawn
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
