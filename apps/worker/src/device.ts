import { fork } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { z } from 'zod'
import { type Gpu, listGpus } from './gpus.js'
import { compiled, trainerEnvironment, type TrainerDevice } from './trainer-process.js'

/** What a device is called and what runs on it; fills the worker's row. */
export interface Device extends TrainerDevice {
  name: string
  /** One attempt trains on each. Empty on a CPU, and where NVIDIA's tool is missing. */
  gpus: readonly Gpu[]
  /** Of the smallest GPU, or of the host as far as this process may have it; null where nothing tells. */
  memoryBytes: number | null
  versions: Record<string, string>
  /** What its self-test found; null when that failed. */
  determinism: 'bitwise' | 'best-effort' | null
  /** Why its self-test failed. */
  failure: string | null
}

/** The worker cannot train here. The message says why and what to do. */
export class DeviceUnusable extends Error {
  override name = 'DeviceUnusable'
}

const ProbeReply = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('device'),
    tensorflow: z.string(),
    tfjs: z.string(),
    device: z.enum(['cpu', 'gpu']),
    determinism: z.enum(['bitwise', 'best-effort']).nullable(),
    failure: z.string().nullable(),
  }),
  z.object({ type: z.literal('unusable'), message: z.string() }),
])
export type ProbeReply = z.infer<typeof ProbeReply>

const REMEDY = 'run `npx kantor doctor`, which says what is missing and how to mend it'
const PROBE_MS = 120_000

export interface DeviceWish {
  device: 'cpu' | 'gpu'
  /** Jobs at once. On GPUs: one each. */
  slots: number
  xla: boolean
}

/**
 * Asks TensorFlow, in a process of its own, what it can use, and lets it train a few steps. Throws DeviceUnusable without TensorFlow, and when a GPU is asked for and
 * none is seen: a job that asks for a GPU never silently runs without one.
 */
export async function findDevice({ device: deviceClass, slots, xla }: DeviceWish): Promise<Device> {
  const threads = Math.max(1, Math.floor(availableParallelism() / slots))
  const reply = await probe({ deviceClass, threads })
  if (reply.type === 'unusable') throw new DeviceUnusable(`TensorFlow does not load here: ${reply.message}\n${REMEDY}`)
  if (deviceClass === 'gpu' && reply.device === 'cpu') {
    throw new DeviceUnusable(
      `KANTOR_DEVICE is gpu, but TensorFlow ${reply.tensorflow} sees no GPU\n${REMEDY}, or set KANTOR_DEVICE=cpu`,
    )
  }
  const gpus = deviceClass === 'gpu' ? await listGpus() : []
  if (deviceClass === 'gpu' && slots > Math.max(1, gpus.length)) {
    throw new DeviceUnusable(
      `KANTOR_SLOTS is ${slots}, but one job trains per GPU and nvidia-smi shows ${gpus.length} that this process may use\n` +
        'set KANTOR_SLOTS to the number of GPUs, or CUDA_VISIBLE_DEVICES to more of them',
    )
  }
  const name = (deviceClass === 'gpu' ? gpus[0]?.name : cpus()[0]?.model.trim()) || 'unknown'
  return {
    deviceClass,
    threads,
    xla,
    gpus,
    memoryBytes: deviceClass === 'gpu' ? smallest(gpus) : hostMemory(),
    name,
    versions: { node: process.versions.node, tensorflow: reply.tensorflow, tfjs: reply.tfjs },
    determinism: reply.determinism,
    failure: reply.failure,
  }
}

/** An attempt may get any of them. */
function smallest(gpus: readonly Gpu[]): number | null {
  const known = gpus.flatMap(({ memoryBytes }) => memoryBytes ?? [])
  return known.length > 0 ? Math.min(...known) : null
}

/** A container may have less than its host; without a limit Node tells a huge number, or none. */
const hostMemory = (): number => Math.min(totalmem(), process.constrainedMemory() || Infinity)

function probe(device: TrainerDevice): Promise<ProbeReply> {
  return new Promise((resolve) => {
    const env = trainerEnvironment(device)
    const child = fork(compiled('trainer/probe.js'), {
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: PROBE_MS,
    })
    let lastWords = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (lastWords = (lastWords + chunk).slice(-2000)))
    child.once('message', (raw) => resolve(ProbeReply.parse(raw)))
    child.once('error', (error) => resolve({ type: 'unusable', message: error.message }))
    // 'close' comes after the last message; a reply that came first wins.
    child.once('close', (code, signal) =>
      resolve({
        type: 'unusable',
        message: `the probe ended with ${signal ?? code ?? 'an error'}: ${lastWords.trim()}`,
      }),
    )
  })
}
