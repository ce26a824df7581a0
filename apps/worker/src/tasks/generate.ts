import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Generate, generatedMedia } from '@kantor/contracts'
import { outputKey } from '@kantor/storage'
import { faultOf, inspectObject } from '../inspect-object.js'
import { outlast } from '../patience.js'
import { compiled, trainerEnvironment } from '../trainer-process.js'
import { type Draw, FromDrawing } from '../trainer/draw-protocol.js'
import { writers } from './images-file.js'
import { Impossible, type TaskOutcome, type TaskWork } from './registry.js'

/** Draws images in a process with TensorFlow, and puts them into the store as one object. */
export async function generate(work: TaskWork<'generate'>): Promise<TaskOutcome<'generate'>> {
  const { task, checkpoint, store, signal, log } = work
  const directory = await mkdtemp(join(tmpdir(), 'kantor-generate-'))
  try {
    const checkpointFile = await fetchCheckpoint(work, directory)
    const imagesFile = join(directory, 'images')
    const { weights, ...drawn } = await draw({ checkpointFile, imagesFile, request: task.params }, signal)
    const file = join(directory, 'output')
    await writers[task.params.as]({ ...drawn, pixels: await readFile(imagesFile) }, file)
    const { size: sizeBytes } = await stat(file)
    const sha256 = await hashOf(file)
    const key = outputKey(checkpoint.jobId, task.id, sha256)
    const contentType = generatedMedia[task.params.as]
    await outlast('upload', () => store.put(key, { file }, { contentType, sha256 }), { signal, log })
    return { result: { ...drawn, weights, sizeBytes, sha256, url: `/tasks/${task.id}/output` }, output: key }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Verified before anybody parses it. */
async function fetchCheckpoint(
  { checkpoint, store, signal, log }: Omit<TaskWork, 'task'>,
  directory: string,
): Promise<string> {
  const file = join(directory, 'checkpoint.safetensors')
  const download = () => inspectObject(store, checkpoint.key, signal, () => createWriteStream(file))
  const fault = faultOf(checkpoint, await outlast('checkpoint download', download, { signal, log }))
  if (fault === null) return file
  throw new Impossible(`the checkpoint is damaged, ${fault}: have it verified, and ask for another one`)
}

async function draw(
  message: { checkpointFile: string; imagesFile: string; request: Generate },
  signal: AbortSignal,
): Promise<Omit<Extract<FromDrawing, { type: 'drawn' }>, 'type'>> {
  signal.throwIfAborted()
  const child = fork(compiled('trainer/draw.js'), {
    serialization: 'advanced',
    // Beside what trains: one thread, no GPU.
    env: trainerEnvironment({ deviceClass: 'cpu', threads: 1 }),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const end = () => child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  let lastWords = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(-2000)))
  try {
    let said: FromDrawing | undefined
    child.on('message', (raw) => (said = FromDrawing.parse(raw)))
    child.send({ type: 'draw', supervisorPid: process.pid, ...message } satisfies Draw)
    await once(child, 'close')
    signal.throwIfAborted()
    if (said?.type === 'drawn') {
      const { type: _, ...drawn } = said
      return drawn
    }
    if (said?.impossible) throw new Impossible(said.message)
    throw new Error(said?.message ?? `the process that draws ended without a word: ${lastWords.trim()}`)
  } finally {
    signal.removeEventListener('abort', end)
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
