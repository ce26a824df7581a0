import type { Logger } from '@kantor/runtime'
import type { Intent, Wish } from './intent.js'
import { startTrainer, type TrainerEnd, type TrainerOptions, type TrainerProcess } from './trainer-process.js'
import type { CheckpointFile, FromTrainer, Points, SampleFile } from './trainer/protocol.js'
import type { LastMessage } from './verdict.js'

/** A cancelled trainer has this long to reach a step boundary, then gets SIGTERM, then SIGKILL. */
const TERM_AFTER_MS = 10_000
const KILL_AFTER_MS = 30_000
/** Longest silence before a trainer counts as hung; it gives a sign of life in every critic step, and one step may be long. */
const HUNG_AFTER_MS = 20 * 60_000

export interface SuperviseOptions extends Omit<TrainerOptions, 'onMessage'> {
  intent: Intent
  log: Logger
  onReady: () => void
  onPoints: (points: Points) => void
  /** Resolves when the trainer may send more of this kind. Rejections are the persister's own affair. */
  persist: (message: Points | SampleFile | CheckpointFile) => Promise<void>
}

/** Runs a trainer to its end, whatever that is: passes on what it makes, and tells it what is wished. */
export async function superviseTrainer(
  options: SuperviseOptions,
): Promise<{ last: LastMessage | undefined; end: TrainerEnd }> {
  const { intent, log, onReady, onPoints, persist } = options
  let last: LastMessage | undefined
  let hung: NodeJS.Timeout | undefined

  const onMessage = (message: FromTrainer) => {
    hung?.refresh()
    switch (message.type) {
      case 'alive':
        return
      case 'ready':
        log.info({ step: message.step, determinism: message.determinism, pid: trainer.pid }, 'training')
        return onReady()
      case 'done':
      case 'failed':
        if (message.type === 'failed') log.error({ kind: message.kind, stack: message.stack }, message.message)
        last = message
        return
      default: {
        if (message.type === 'points') onPoints(message)
        const { seq } = message
        persist(message).then(
          () => trainer.send({ type: 'ack', seq }),
          () => {},
        )
      }
    }
  }

  const trainer = startTrainer({ ...options, onMessage })
  hung = setTimeout(() => {
    log.error({ silentMs: HUNG_AFTER_MS }, 'the trainer hangs')
    trainer.kill('SIGKILL')
  }, HUNG_AFTER_MS)
  const escalation = new Escalation(trainer)
  const stopListening = intent.listen((wish) => escalation.tell(wish))
  try {
    return { end: await trainer.ended, last }
  } finally {
    clearTimeout(hung)
    escalation.end()
    stopListening()
  }
}

/** Asks first, then insists. */
class Escalation {
  readonly #trainer: TrainerProcess
  #timers: NodeJS.Timeout[] = []

  constructor(trainer: TrainerProcess) {
    this.#trainer = trainer
  }

  tell(wish: Wish): void {
    if (wish === 'preempt' || wish === 'stop') return this.#trainer.send({ type: 'stop' })
    if (wish === 'abandon' || wish === 'lost') return this.#trainer.kill('SIGKILL')
    this.#trainer.send({ type: 'cancel' })
    this.#timers = [
      setTimeout(() => this.#trainer.kill('SIGTERM'), TERM_AFTER_MS),
      setTimeout(() => this.#trainer.kill('SIGKILL'), KILL_AFTER_MS),
    ]
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}
