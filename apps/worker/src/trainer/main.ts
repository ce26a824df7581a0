// The trainer process: one attempt of one job. It gets numbers through files and says everything over IPC; it holds no
// credential and opens no connection. Native calls may block it for minutes, which is why lease and uploads live in its parent.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openImages, openPoints } from '@kantor/datasets'
import type { TrainEvent } from '@kantor/training'
import { classifyFailure, DatasetUnreadable } from './classify-failure.js'
import { noteLowerings, readLowerings } from './lowering-cache.js'
import { Outbox } from './outbox.js'
import { exitCodes, type FromTrainer, type Obstacle, type Start, ToTrainer } from './protocol.js'
import { writeWhenThereIsRoom } from './spool.js'
import { threadsFor } from './threads.js'

const LIFE_SIGN_MS = 5000
/** Steps. */
const COUNT_TENSORS_EVERY = 50

const parent = process.ppid
let stopWanted = false
/** Seconds of this attempt's training, and of those before it. */
let startedAt = performance.now()
let earlierSeconds = 0
const elapsedSeconds = () => (performance.now() - startedAt) / 1000

const send = (message: FromTrainer) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
const outbox = new Outbox(
  (message) => void send(message),
  () => earlierSeconds + elapsedSeconds(),
)

const exitOrphaned = () => process.exit(exitCodes.orphaned)
function checkParent(): void {
  // After a kill -9 of the supervisor its channel's end is seen only in the event loop; the parent's pid changes at once.
  if (process.ppid !== parent) exitOrphaned()
}

/** Of all threads, user and system. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function leave(last: FromTrainer, code: number): Promise<never> {
  await outbox.flush()
  await send({ type: 'alive', batches, cpuSeconds: cpuSeconds() })
  await send(last)
  process.off('disconnect', exitOrphaned)
  process.exit(code)
}

const started = new Promise<Start>((resolve) => {
  process.on('message', (raw) => {
    const message = ToTrainer.parse(raw)
    switch (message.type) {
      case 'start':
        return resolve(message)
      case 'ack':
        return outbox.acknowledge(message.seq)
      case 'stop':
        stopWanted = true
        return
      case 'cancel':
        // Not at a step boundary but now: a burst of a hundred critic steps may lie before the next one.
        outbox.release()
        void leave({ type: 'done', step: 0, outcome: 'cancelled' }, 0)
    }
  })
})

process.on('disconnect', exitOrphaned)
// Terminals and service managers signal whole groups; when a trainer should end, its supervisor says so.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
// The loop turns after every critic step, so this tells of work being done, not only of a process being there.
setInterval(() => {
  checkParent()
  sayAlive()
}, LIFE_SIGN_MS).unref()

/** Batches read so far: one per critic step, so it tells of work even within a burst of a hundred. */
let batches = 0
/** Images in them. */
let imagesRead = 0
/** A full disk, while it is one. */
let diskFull: string | undefined
/** What the supervisor was told last. */
let told: Obstacle | undefined

function sayAlive(): void {
  const waitsFor = diskFull === undefined ? outbox.waitsFor : 'disk'
  told = waitsFor
  void send({
    type: 'alive',
    batches,
    cpuSeconds: cpuSeconds(),
    ...(waitsFor !== undefined && { waitsFor }),
    ...(diskFull !== undefined && { detail: diskFull }),
  })
}

async function run(message: Start): Promise<void> {
  const { spec, supervisorPid, data, spoolDirectory, resumeFile, startFile, weightsFile, rollBacks, loweringsFile } =
    message
  if (supervisorPid !== parent) exitOrphaned()
  const [{ train }, engine] = await Promise.all([import('@kantor/training'), import('@kantor/engine')])
  const images = readable(() => (data.kind === 'points' ? openPoints(data.law) : openImages(data.directory)))
  const read = (indices: Int32Array) => {
    batches += 1
    imagesRead += indices.length
    return readable(() => images.read(indices))
  }
  const source = { ...images, read }
  const resume = resumeFile === null ? undefined : await readFile(resumeFile)
  const start = startFile === null ? undefined : await readFile(startFile)
  const weights = weightsFile === null ? undefined : await readFile(weightsFile)
  const begun = resume ?? start
  if (begun) earlierSeconds = await secondsIn(begun)
  const available = Number(process.env['TF_NUM_INTRAOP_THREADS'])
  const runtime = await engine.loadTensorFlow({ threads: threadsFor(spec, images.channels, available) })
  const lowerings = await readLowerings(loweringsFile, runtime)
  startedAt = performance.now()

  const control = { shouldStop: () => stopWanted, elapsedSeconds }
  let began = { at: performance.now(), imagesRead }
  for await (const event of train({ spec, images: source, resume, start, weights, rollBacks, control, lowerings })) {
    if (event.type === 'point') {
      const ms = performance.now() - began.at
      const { step } = event.point
      const diagnostics = (event.point.diagnostics ??= {})
      diagnostics.step_ms = ms
      diagnostics.images_per_second = ((imagesRead - began.imagesRead) / ms) * 1000
      if (step % COUNT_TENSORS_EVERY === 0) diagnostics.tensors = engine.tf.memory().numTensors
    }
    if (event.type === 'ready') {
      await noteLowerings(loweringsFile, runtime, event.lowerings).catch((error: unknown) =>
        process.stderr.write(`the measured lowerings could not be kept: ${String(error)}\n`),
      )
    }
    await pass(event, spoolDirectory)
    checkParent()
    began = { at: performance.now(), imagesRead }
  }
}

/** Into the spool, once it has room for one more: in the window, and on the disk. */
async function spool(kind: 'sample' | 'checkpoint', file: string, bytes: Uint8Array): Promise<string> {
  await outbox.room(kind)
  if (told === 'object_store') sayAlive()
  try {
    return await writeWhenThereIsRoom(file, bytes, (error) => {
      diskFull = String(error)
      sayAlive()
    })
  } finally {
    diskFull = undefined
    if (told === 'disk') sayAlive()
  }
}

async function pass(event: TrainEvent, directory: string): Promise<void> {
  switch (event.type) {
    case 'ready': {
      const { type, step, determinism } = event
      return send({ type, step, determinism })
    }
    case 'health':
    case 'remedy':
      return send(event)
    case 'point':
      return outbox.point(event.point, event.epoch)
    case 'sample': {
      const { type, step, images, numImages, imageSize, channels } = event
      const file = join(directory, `sample-${step}.raw`)
      await spool(type, file, new Uint8Array(images.buffer, images.byteOffset, images.byteLength))
      return outbox.artifact({ type, step, file, numImages, imageSize, channels })
    }
    case 'checkpoint': {
      const { type, step, bytes } = event
      const file = join(directory, `checkpoint-${step}.safetensors`)
      const sha256 = await spool(type, file, bytes)
      return outbox.artifact({ type, step, file, sizeBytes: bytes.byteLength, sha256 })
    }
    case 'done':
      return leave(event, 0)
  }
}

/** Tells trouble with the data from trouble with the training. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new DatasetUnreadable(error)
  }
}

/** For the progress line only; `train` reads and checks the whole file itself. */
async function secondsIn(checkpoint: Uint8Array): Promise<number> {
  const { readSafetensors } = await import('@kantor/training')
  const state = JSON.parse(readSafetensors(checkpoint).metadata['state'] ?? '{}') as { elapsedSeconds?: number }
  return state.elapsedSeconds ?? 0
}

try {
  await run(await started)
} catch (error) {
  const failure = classifyFailure(error)
  await leave(
    { type: 'failed', ...failure },
    failure.kind === 'out_of_memory' ? exitCodes.outOfMemory : exitCodes.failed,
  )
}
