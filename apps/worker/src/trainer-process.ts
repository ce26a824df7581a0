import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Logger } from '@kantor/runtime'
import { countOomKills } from './oom-kills.js'
import { FromTrainer, type Start, type ToTrainer } from './trainer/protocol.js'

/** Works from `src` (tests) and from `dist`: the forked process always runs compiled code. */
export const compiled = (file: string): string => fileURLToPath(new URL(`../dist/${file}`, import.meta.url))

/** What a trainer may see of our environment: no URL, no credential, nothing that this list does not name. A crash point is there in fault tests only. */
const allowed =
  /^(PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|KANTOR_CRASH_AT|XDG_CACHE_HOME|LD_LIBRARY_PATH|(CUDA|NVIDIA|TF|XLA|OMP|KMP|MKL|ONEDNN|DNNL)_[A-Z0-9_]+)$/
const LAST_WORDS = 8192

export interface TrainerDevice {
  deviceClass: 'cpu' | 'gpu'
  /** Threads of TensorFlow. Part of what makes a run repeatable: sums are split by thread. */
  threads: number
  /** The one GPU that it may use; left out: all that are visible. */
  gpu?: string | undefined
  /** XLA clusters on a GPU. On a CPU they were slower. */
  xla?: boolean
}

/** The fixed environment of a trainer (or of the probe). */
export function trainerEnvironment(
  { deviceClass, threads, gpu, xla = false }: TrainerDevice,
  source: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const passed = Object.fromEntries(Object.entries(source).filter(([name]) => allowed.test(name)))
  return {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: String(threads),
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    TF_DETERMINISTIC_OPS: '1',
    ...passed,
    // A worker that said `cpu` must not take a GPU that happens to be there.
    ...(deviceClass === 'cpu' && { CUDA_VISIBLE_DEVICES: '-1' }),
    ...(deviceClass === 'gpu' && gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }),
    ...(deviceClass === 'gpu' && xla && { TF_XLA_FLAGS: '--tf_xla_auto_jit=2' }),
  }
}

export interface TrainerEnd {
  code: number | null
  signal: NodeJS.Signals | null
  /** The end of what it wrote to stderr. */
  lastWords: string
  /** The kernel killed some process for want of memory while this one ran; false where the kernel does not tell. */
  oomKill: boolean
  /** It was killed after so long without progress; null when it ended in another way. */
  hungSeconds: number | null
}

export interface TrainerProcess {
  readonly pid: number
  send(message: ToTrainer): void
  kill(signal: NodeJS.Signals): void
  /** After exit, and after the last message was delivered. */
  readonly ended: Promise<Omit<TrainerEnd, 'hungSeconds'>>
}

export interface TrainerOptions {
  start: Omit<Start, 'type' | 'supervisorPid'>
  device: TrainerDevice
  onMessage: (message: FromTrainer) => void
  /** What the process prints, as it comes. */
  onOutput: (source: 'stdout' | 'stderr', chunk: string) => void
  log: Logger
}

/** Forks a trainer and gives it its job. It is never left behind: it ends by itself when this process is gone. */
export function startTrainer({ start, device, onMessage, onOutput, log }: TrainerOptions): TrainerProcess {
  const oomKillsBefore = countOomKills()
  const child = fork(compiled('trainer/main.js'), {
    serialization: 'advanced',
    env: trainerEnvironment(device),
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const lastWords = collectLastWords(child, onOutput)

  const send = (message: ToTrainer) => {
    // A send that fails means that the child is gone: `ended` says so.
    if (child.connected) child.send(message, () => {})
  }
  child.on('message', (raw) => {
    const message = FromTrainer.safeParse(raw)
    if (message.success) return onMessage(message.data)
    log.error({ issues: message.error.issues }, 'the trainer sent a message that is not in the protocol')
    child.kill('SIGKILL')
  })
  send({ type: 'start', supervisorPid: process.pid, ...start })

  return {
    pid: child.pid ?? 0,
    send,
    kill: (signal) => void child.kill(signal),
    ended: whenEnded(child).then(({ code, signal }) => ({
      code,
      signal,
      lastWords: lastWords(),
      oomKill: countOomKills() > oomKillsBefore,
    })),
  }
}

/** 'exit' may come before the last messages; the channel's end comes after them. */
async function whenEnded(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    // Fork itself failed: no process, no exit event.
    child.once('error', () => child.pid === undefined && resolve({ code: null, signal: null }))
  })
  const silence = new Promise<void>((resolve) =>
    child.connected ? child.once('disconnect', () => resolve()) : resolve(),
  )
  const [end] = await Promise.all([exit, silence])
  return end
}

function collectLastWords(child: ChildProcess, onOutput: TrainerOptions['onOutput']): () => string {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => onOutput('stdout', chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-LAST_WORDS)
    onOutput('stderr', chunk)
  })
  return () => text.trim()
}
