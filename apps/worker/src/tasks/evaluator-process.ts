import { fork } from 'node:child_process'
import type { Logger } from '@kantor/runtime'
import { compiled, trainerEnvironment } from '../trainer-process.js'
import { FromEvaluator, type ToEvaluator } from '../trainer/evaluator-protocol.js'

const LAST_WORDS = 4096

/**
 * One piece of work in a process of its own, on one thread of the CPU and at low priority: a GPU, and the processor's time, are for those
 * who train. Rejects when the process says that it failed, or ends without a word; an abort kills it.
 */
export async function runEvaluator<T extends Exclude<FromEvaluator['type'], 'failed'>>(
  work: ToEvaluator,
  expected: T,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<Extract<FromEvaluator, { type: T }>> {
  signal.throwIfAborted()
  const child = fork(compiled('trainer/evaluator.js'), {
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
    let last: FromEvaluator | undefined
    child.on('message', (raw) => (last = FromEvaluator.parse(raw)))
    const ended = new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, by) => resolve(by ?? `code ${code}`))
    })
    child.send(work)
    const end = await ended
    signal.throwIfAborted()
    if (last?.type === expected) return last as Extract<FromEvaluator, { type: T }>
    log.error({ end, words: words.trim() }, 'the evaluator broke down')
    throw new Error(
      last?.type === 'failed'
        ? last.message
        : `the evaluator ended (${end}) without a result: ${words.trim().slice(-300)}`,
    )
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}
