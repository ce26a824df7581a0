// Writes a checkpoint's generator in another format. TensorFlow is not loaded for it.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, exportGenerator, SafetensorsError } from '@kantor/training'
import { Export, type FromExport } from './export-protocol.js'
import { exitCodes } from './protocol.js'

process.on('disconnect', () => process.exit(exitCodes.orphaned))
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

const say = (message: FromExport) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, {}, () => resolve()))

async function write({ checkpointFile, request, directory }: Export): Promise<FromExport> {
  const { files, ...written } = exportGenerator(await readFile(checkpointFile), request)
  for (const { name, bytes } of files) await writeFile(join(directory, name), bytes)
  return { type: 'exported', files: files.map(({ name }) => name), ...written }
}

async function answer(message: Export): Promise<void> {
  try {
    await say(await write(message))
  } catch (error) {
    const impossible = [CheckpointError, SafetensorsError].some((kind) => error instanceof kind)
    await say({ type: 'failed', message: error instanceof Error ? error.message : String(error), impossible })
  }
  process.exit(0)
}

process.on('message', (raw) => {
  void answer(Export.parse(raw))
})
