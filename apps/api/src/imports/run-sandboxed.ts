import type { ErrorCode } from '@kantor/contracts'
import type { SpooledDataset } from '@kantor/datasets'
import { FromImport, type StartImport } from './protocol.js'
import { forkSandboxed } from './sandbox.js'

/** What became of the importing process; null: it was stopped. */
export type Outcome = { spooled: SpooledDataset } | { code: ErrorCode; detail: string } | null

export interface RunOptions {
  program: string
  start: StartImport
  /** Besides the scratch directory. */
  readable: readonly string[]
  signal: AbortSignal
  onProgress: (numImages: number) => void
  /** Without a sign of life for so long, it is killed and the source refused. */
  silenceMs?: number
}

/** An image may take 30 s to decode, and a page of a file system that sleeps a while. */
const SILENCE_MS = 600_000

/** Runs the importing process to its end. Rejects when it dies of itself, with its last words. */
export async function runSandboxed(options: RunOptions): Promise<Outcome> {
  const { program, start, readable, signal, onProgress, silenceMs = SILENCE_MS } = options
  const child = await forkSandboxed({ program, readable, writable: start.scratch })
  return new Promise((resolve, reject) => {
    let lastWords = ''
    let outcome: Outcome | undefined
    const end = (how: Outcome) => {
      outcome ??= how
      child.kill('SIGKILL')
    }
    const stop = () => end(null)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const silence = setTimeout(() => end({ code: 'dataset-invalid', detail: tooSlow(silenceMs) }), silenceMs).unref()
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (lastWords = (lastWords + chunk).slice(-2000)))
    child.on('message', (raw) => {
      if (outcome !== undefined) return
      silence.refresh()
      const { data: message } = FromImport.safeParse(raw)
      if (!message) end({ code: 'dataset-invalid', detail: GARBLED })
      else if (message.type === 'progress') onProgress(message.numImages)
      else end(message.type === 'done' ? { spooled: message.spooled } : message)
    })
    child.once('error', reject)
    // 'close' comes after the last message.
    child.once('close', (code, died) => {
      clearTimeout(silence)
      signal.removeEventListener('abort', stop)
      if (outcome !== undefined) resolve(outcome)
      else reject(new Error(`the importing process ended with ${died ?? `code ${code}`}: ${lastWords.trim()}`))
    })
    child.send(start, () => {})
  })
}

const GARBLED = 'what decodes it answered what it never answers: its files may have taken it over'

const tooSlow = (ms: number) =>
  `nothing came of it for ${ms / 1000} seconds: an image or an archive takes too long to decode`
