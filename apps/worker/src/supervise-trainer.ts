import type { Logger } from '@kantor/runtime'
import type { Intent, Wish } from './intent.js'
import { startTrainer, type TrainerEnd, type TrainerOptions } from './trainer-process.js'
import type { CheckpointFile, FromTrainer, Points, SampleFile } from './trainer/protocol.js'
import type { LastMessage } from './verdict.js'

/** A cancelled trainer ends between two native calls; one that does not is killed, since nothing of it is wanted. */
const KILL_AFTER_MS = 10_000
/** Longest silence before a trainer counts as hung; it gives a sign of life between critic steps, and one may be long. */
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
        if (message.waitsFor !== undefined) log.warn({ waitsFor: message.waitsFor }, 'training stands still')
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
  let insist: NodeJS.Timeout | undefined
  const tell = (wish: Wish) => {
    if (wish === 'preempt' || wish === 'stop') return trainer.send({ type: 'stop' })
    if (wish === 'abandon' || wish === 'lost') return trainer.kill('SIGKILL')
    trainer.send({ type: 'cancel' })
    insist = setTimeout(() => trainer.kill('SIGKILL'), KILL_AFTER_MS)
  }
  const stopListening = intent.listen(tell)
  try {
    return { end: await trainer.ended, last }
  } finally {
    clearTimeout(hung)
    clearTimeout(insist)
    stopListening()
  }
}
