import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generatedMedia, type Neighbours } from '@kantor/contracts'
import { fetchObject } from '../inspect-object.js'
import type { Images } from '../sample-grid.js'
import { type Draw, FromDrawing } from '../trainer/draw-protocol.js'
import { writers } from './images-file.js'
import { jobImages } from './job-images.js'
import { Impossible, type TaskOutcome, type TaskWork } from './registry.js'
import { storeOutput } from './store-output.js'
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

  const [imagesFile, sheetFile] = [join(directory, 'images'), join(directory, 'sheet')]
  const { neighbours: k, as } = task.params
  const training = k === undefined ? undefined : { imagesDirectory: await jobImages(work), sheetFile }
  const { weights, classes, neighbours, ...drawn } = await draw(
    { type: 'draw', checkpointFile, imagesFile, request: task.params, training },
    signal,
  )
  const found = neighbours && { figures: neighbours, sheet: await sheet(drawn, sheetFile, neighbours) }
  const file = join(directory, 'output')
  await writers[as]({ ...drawn, classes, pixels: await readFile(imagesFile), neighbours: found }, file)
  const { output, ...stored } = await storeOutput(work, file, generatedMedia[as])
  return { result: { ...drawn, weights, ...(neighbours && { neighbours }), ...stored }, output }
}

async function draw(message: Draw, signal: AbortSignal) {
  const said = await askProcess('trainer/draw.js', message, FromDrawing, signal)
  if (said.type === 'failed') throw said.impossible ? new Impossible(said.message) : new Error(said.message)
  const { type: _, ...drawn } = said
  return drawn
}

/** A row per image: itself, then its neighbours. */
async function sheet(drawn: Omit<Images, 'pixels'>, file: string, { images }: Neighbours): Promise<Images> {
  const columns = 1 + (images[0]?.nearest.length ?? 0)
  return { ...drawn, pixels: await readFile(file), numImages: images.length * columns, columns }
}
