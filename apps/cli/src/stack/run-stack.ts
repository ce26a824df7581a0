import { EventEmitter, once } from 'node:events'
import type { Env } from '@kantor/runtime'
import { exitCodes, Failure } from '../failure.js'
import { startStack, type Stack, type StackOptions } from './start-stack.js'

/**
 * Starts a stack, runs `use`, and stops the stack again however `use` ends. The first SIGINT, SIGTERM or SIGHUP settles `stopped` (with
 * null) and aborts `signal`; the second kills the processes and leaves.
 */
export async function runStack<T>(
  env: Env,
  options: StackOptions & { note: (line: string) => void; whenInterrupted?: string },
  use: (stack: Stack, stopped: Promise<unknown>, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController()
  const events = new EventEmitter()
  const stopped = once(events, 'stop')
  let stack: Stack | undefined
  let numSignals = 0
  const onSignal = () => {
    numSignals++
    if (numSignals === 1) {
      options.note('\nstopping: workers write a checkpoint first (once more to kill them)')
      events.emit('stop')
      interruption.abort(new Failure('interrupted', options.whenInterrupted ?? 'interrupted'))
    } else {
      void (stack?.kill() ?? Promise.resolve()).finally(() => process.exit(exitCodes.interrupted))
    }
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    stack = await startStack(env, { ...options, signal: interruption.signal })
    return await use(stack, stopped, interruption.signal)
  } finally {
    await stack?.stop()
    for (const signal of signals) process.removeListener(signal, onSignal)
    if (stack) options.note('stopped')
  }
}
