import { fork } from 'node:child_process'
import type { z } from 'zod'
import { compiled, trainerEnvironment } from '../trainer-process.js'

const LAST_WORDS = 4096

/**
 * One message to a process of its own, and the one that it answers. It has one thread of the CPU: a GPU, and the processor's time, are for
 * those who train. Rejects when it ends without a word; an abort kills it.
 */
export async function askProcess<Reply>(
  script: 'trainer/draw.js' | 'trainer/evaluator.js' | 'trainer/export.js',
  message: object,
  reply: z.ZodType<Reply>,
  signal: AbortSignal,
): Promise<Reply> {
  signal.throwIfAborted()
  const child = fork(compiled(script), {
    serialization: 'advanced',
    env: trainerEnvironment({ deviceClass: 'cpu', threads: 1 }),
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let words = ''
  const hear = (chunk: string) => (words = (words + chunk).slice(-LAST_WORDS))
  child.stdout?.setEncoding('utf8').on('data', hear)
  child.stderr?.setEncoding('utf8').on('data', hear)
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  try {
    let said: unknown
    child.on('message', (raw) => (said = raw))
    const ended = new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, by) => resolve(by ?? `code ${code}`))
    })
    child.send(message)
    const end = await ended
    signal.throwIfAborted()
    if (said !== undefined) return reply.parse(said)
    throw new Error(`the process of the task ended (${end}) without a result: ${words.trim().slice(-300)}`)
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}
