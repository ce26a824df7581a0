// The trainer process: one attempt of one job. It gets numbers through files and says everything over IPC; it holds no
// credential and opens no connection. Native calls may block it for minutes, which is why lease and uploads live in its parent.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainEvent } from '@kantor/training'
import { classifyFailure, DatasetUnreadable } from './classify-failure.js'
import { Outbox } from './outbox.js'
import { exitCodes, type FromTrainer, type Start, ToTrainer } from './protocol.js'
import { writeDurably } from './spool.js'

const SECONDS_BETWEEN_SIGNS_OF_LIFE = 5

const parent = process.ppid
const exitOrphaned = () => process.exit(exitCodes.orphaned)
process.on('disconnect', exitOrphaned)
// The supervisor stops its trainers itself: a Ctrl-C for the whole process group must not cut them off before their checkpoint.
process.on('SIGINT', () => {})

const send = (message: FromTrainer) => {
  // A failed send means a closed channel: 'disconnect' follows.
  process.send?.(message, undefined, undefined, () => {})
}
const sendLast = (message: FromTrainer) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
const turnOfTheEventLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

let wanted: 'train' | 'stop' | 'cancel' = 'train'
let startedAt = performance.now()
let elapsedBefore = 0
let lastSign = performance.now()
const elapsedSeconds = () => elapsedBefore + (performance.now() - startedAt) / 1000
const outbox = new Outbox(send, elapsedSeconds)

/** Called at every step boundary, also within long synchronous stretches where no event can be delivered. */
function atBoundary(): void {
  // After a kill -9 of the supervisor the channel's end is seen only in the event loop; the parent's pid changes at once.
  if (process.ppid !== parent) exitOrphaned()
  if (performance.now() - lastSign < SECONDS_BETWEEN_SIGNS_OF_LIFE * 1000) return
  lastSign = performance.now()
  send({ type: 'alive' })
}

const started = new Promise<Start>((resolve) => {
  process.on('message', (raw) => {
    const message = ToTrainer.parse(raw)
    if (message.type === 'start') return resolve(message)
    if (message.type === 'ack') return outbox.acknowledge(message.seq)
    if (wanted !== 'cancel') wanted = message.type
    if (wanted === 'cancel') outbox.release()
  })
})

/** Tells trouble with the data from trouble with the training. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new DatasetUnreadable(error)
  }
}

async function run(start: Start): Promise<void> {
  if (start.supervisorPid !== parent) exitOrphaned()
  const { openImages } = await import('@kantor/datasets')
  const { train } = await import('@kantor/training')
  const images = readable(() => openImages(start.imagesDirectory))
  const resume = start.resumeFile === null ? undefined : new Uint8Array(await readFile(start.resumeFile))
  startedAt = performance.now()
  const control = {
    shouldStop() {
      atBoundary()
      return wanted !== 'train'
    },
    elapsedSeconds,
  }

  for await (const event of train({
    spec: start.spec,
    images: { ...images, read: (indices) => readable(() => images.read(indices)) },
    ...(resume && { resume }),
    control,
  })) {
    await pass(event, start.spoolDirectory)
    atBoundary()
    await turnOfTheEventLoop()
    if (wanted === 'cancel') return sendLast({ type: 'done', step: 0, outcome: 'cancelled' })
  }
}

async function pass(event: TrainEvent, spool: string): Promise<void> {
  switch (event.type) {
    case 'ready':
      return send(event)
    case 'point':
      return outbox.point(event.point, event.epoch)
    case 'sample': {
      const { type, step, images, numImages, imageSize, channels } = event
      const file = join(spool, `sample-${step}.raw`)
      await writeDurably(file, images)
      return outbox.artifact({ type, step, file, numImages, imageSize, channels })
    }
    case 'checkpoint': {
      const { type, step, bytes } = event
      const file = join(spool, `checkpoint-${step}.safetensors`)
      const sha256 = await writeDurably(file, bytes)
      return outbox.artifact({ type, step, file, sizeBytes: bytes.byteLength, sha256 })
    }
    case 'done':
      await outbox.flush()
      return sendLast(event)
  }
}

try {
  await run(await started)
  process.off('disconnect', exitOrphaned)
  process.exit(0)
} catch (error) {
  await outbox.flush()
  const failure = classifyFailure(error)
  await sendLast({ type: 'failed', ...failure })
  process.exit(failure.kind === 'out_of_memory' ? exitCodes.outOfMemory : exitCodes.failed)
}
