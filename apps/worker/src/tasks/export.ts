import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { exportedMedia } from '@kantor/contracts'
import { ZipFile } from 'yazl'
import { fetchObject } from '../inspect-object.js'
import { type Export, FromExport } from '../trainer/export-protocol.js'
import { Impossible, type TaskOutcome, type TaskWork } from './registry.js'
import { storeOutput } from './store-output.js'
import { inTaskFolder } from './task-folder.js'
import { askProcess } from './task-process.js'

/** Writes the generator down in another format, in a process of its own: a network of any size is then nobody else's memory. */
export const exportCheckpoint = (work: TaskWork<'export'>): Promise<TaskOutcome<'export'>> =>
  inTaskFolder(work, (directory) => exportIn(directory, work))

async function exportIn(directory: string, work: TaskWork<'export'>): Promise<TaskOutcome<'export'>> {
  const { task, checkpoint, store, signal, log } = work
  const checkpointFile = join(directory, 'checkpoint.safetensors')
  const fault = await fetchObject(store, checkpoint, checkpointFile, { signal, log })
  if (fault !== null)
    throw new Impossible(`the checkpoint is damaged, ${fault}: have it verified, and ask for another one`)

  const message: Export = { type: 'export', checkpointFile, directory, request: task.params }
  const said = await askProcess('trainer/export.js', message, FromExport, signal)
  if (said.type === 'failed') throw said.impossible ? new Impossible(said.message) : new Error(said.message)
  const { type: _, files, ...written } = said
  const { ending, mediaType } = exportedMedia[task.params.format]
  const file = join(directory, 'output')
  if (ending === 'zip') await zip(directory, files, file)
  else await rename(join(directory, files[0]!), file)
  const { output, ...stored } = await storeOutput(work, file, mediaType)
  return { result: { ...written, ...stored }, output }
}

async function zip(directory: string, names: readonly string[], file: string): Promise<void> {
  const archive = new ZipFile()
  const written = pipeline(archive.outputStream, createWriteStream(file))
  // One date, so that equal weights give equal bytes; uncompressed, as weights hardly shrink.
  for (const name of names)
    archive.addFile(join(directory, name), name, { mtime: new Date(0), mode: 0o644, compress: false })
  archive.end()
  await written
}
