import type { Reason } from '@kantor/contracts'
import type { Wish } from './intent.js'
import type { TrainerEnd } from './trainer-process.js'
import { tellsOutOfMemory } from './trainer/classify-failure.js'
import type { FromTrainer } from './trainer/protocol.js'

export type LastMessage = Extract<FromTrainer, { type: 'done' | 'failed' }>

/** How an attempt is booked; null writes nothing, because the job belongs to somebody else. */
export type Verdict = {
  to: 'succeeded' | 'failed' | 'cancelled' | 'stopped' | 'paused' | 'queued'
  reason: Reason
  message?: string
  /** With `rolled_back`: checkpoints of later steps are given up. */
  upTo?: number
} | null

/** What a failure that the trainer named itself does to the job. Divergence, lack of memory and bad input would only come again. */
const failures = {
  diverged: { to: 'failed', reason: 'diverged' },
  out_of_memory: { to: 'failed', reason: 'out_of_memory' },
  dataset: { to: 'failed', reason: 'dataset_error' },
  spec: { to: 'failed', reason: 'invalid_spec' },
  checkpoint: { to: 'queued', reason: 'checkpoint_corrupt' },
  incompatible: { to: 'failed', reason: 'incompatible_checkpoint' },
  error: { to: 'queued', reason: 'trainer_error' },
} as const satisfies Record<
  Extract<LastMessage, { type: 'failed' }>['kind'],
  { to: 'failed' | 'queued'; reason: Reason }
>

/** What TensorFlow 2.21 says whenever it is loaded, whatever its log level: nobody's last words. */
const greeting =
  /^(?:WARNING: All log messages before absl::InitializeLog|I0000 .*oneDNN custom operations are on).*$/gm

/** Books an attempt by what was wished, what the trainer said last, and how its process ended. */
export function judge(wish: Wish | undefined, last: LastMessage | undefined, end: TrainerEnd | undefined): Verdict {
  if (wish === 'lost') return null
  if (wish === 'cancel') return { to: 'cancelled', reason: 'user' }
  if (last?.type === 'done' && last.outcome === 'budget') return { to: 'succeeded', reason: 'budget_reached' }
  if (last?.type === 'done' && last.outcome === 'critic_diverged') return { to: 'stopped', reason: 'critic_diverged' }
  if (last?.type === 'done' && last.outcome === 'rolled_back') {
    const { message = '', upTo = 0 } = last
    return { to: 'queued', reason: 'rolled_back', message: `at step ${last.step} ${message}`, upTo }
  }
  if (last?.type === 'failed') return { ...failures[last.kind], message: explain(last) }
  if (wish === 'halt') return { to: 'paused', reason: 'user' }
  // Without an `end` there was no trainer yet, and so nothing to save. A trainer that died over it has neither paused nor stopped.
  if ((wish === 'pause' || wish === 'stop') && (!end || last?.type === 'done')) {
    return { to: wish === 'pause' ? 'paused' : 'stopped', reason: 'user' }
  }
  if (wish === 'preempt' || wish === 'abandon') {
    return {
      to: 'queued',
      reason: 'preempted',
      message: last ? 'the worker is going down; training goes on elsewhere' : 'the worker went down',
    }
  }
  return end
    ? judgeDeath(end)
    : { to: 'queued', reason: 'trainer_error', message: 'the attempt ended without a trainer' }
}

function explain({ kind, message }: Extract<LastMessage, { type: 'failed' }>): string {
  if (kind === 'out_of_memory') return `${message} (a smaller batchSize, imageSize or fewer filters need less memory)`
  return message
}

/** A process that ended without a word. */
function judgeDeath({ code, signal, lastWords, oomKill, hungSeconds }: TrainerEnd): NonNullable<Verdict> {
  if (hungSeconds !== null) {
    return {
      to: 'queued',
      reason: 'hung',
      message: `the trainer made no progress for ${Math.round(hungSeconds)} s and was killed`,
    }
  }
  if ((signal === 'SIGKILL' && oomKill) || tellsOutOfMemory(lastWords)) {
    const who =
      signal === 'SIGKILL' ? 'the kernel killed the trainer because memory ran out' : 'the trainer ran out of memory'
    return {
      to: 'failed',
      reason: 'out_of_memory',
      message: `${who}: use a smaller batchSize, imageSize or fewer filters`,
    }
  }
  const said = lastWords.replaceAll(greeting, '').trim()
  const words = said === '' ? ' and said nothing' : `; its last words: ${said.slice(-500)}`
  if (signal) return { to: 'queued', reason: 'trainer_killed', message: `the trainer was killed by ${signal}${words}` }
  return { to: 'queued', reason: 'trainer_error', message: `the trainer exited with code ${code ?? 'unknown'}${words}` }
}
