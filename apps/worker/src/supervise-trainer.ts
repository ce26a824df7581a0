import type { CriticHealth } from '@kantor/contracts'
import type { Logger } from '@kantor/runtime'
import type { Intent, Wish } from './intent.js'
import { watchForStall } from './stall-watch.js'
import type { TrainerLog } from './trainer-log.js'
import { startTrainer, type TrainerEnd, type TrainerOptions } from './trainer-process.js'
import type { CheckpointFile, FromTrainer, Obstacle, Points, SampleFile } from './trainer/protocol.js'
import type { LastMessage } from './verdict.js'

/** A cancelled or halted trainer ends between two native calls; one that does not is killed, since nothing of it is wanted. */
const KILL_AFTER_MS = 10_000

export interface SuperviseOptions extends Omit<TrainerOptions, 'onMessage' | 'onOutput'> {
  trainerLog: Pick<TrainerLog, 'add' | 'output'>
  intent: Intent
  log: Logger
  /** Without progress for so long it is killed; see `watchForStall`. */
  stallSeconds: number
  onReady: (determinism: 'bitwise' | 'best-effort') => void
  onPoints: (points: Points) => void
  onHealth: (health: CriticHealth) => void
  onRemedy: (remedy: { step: number; message: string }) => void
  /** Training stands still for something, or, with null, goes on. */
  onObstacle: (obstacle: Obstacle | null, detail?: string) => void
  /** Processor time of the trainer so far. */
  onCpuSeconds: (seconds: number) => void
  /** Resolves when the trainer may send more of this kind. Rejections are the persister's own affair. */
  persist: (message: Points | SampleFile | CheckpointFile) => Promise<void>
}

/** Runs a trainer to its end, whatever that is: passes on what it makes, and tells it what is wished. */
export async function superviseTrainer(
  options: SuperviseOptions,
): Promise<{ last: LastMessage | undefined; end: TrainerEnd }> {
  const { intent, log, trainerLog, onReady, onPoints, onCpuSeconds, onHealth, onObstacle, onRemedy, persist } = options
  let last: LastMessage | undefined
  let hungSeconds: number | null = null
  let batches = 0
  let obstacle: Obstacle | null = null

  const onMessage = (message: FromTrainer) => {
    switch (message.type) {
      case 'alive': {
        const { waitsFor = null, detail } = message
        onCpuSeconds(message.cpuSeconds)
        if (message.batches !== batches || waitsFor !== null) watch.progress()
        batches = message.batches
        if (waitsFor !== obstacle) onObstacle(waitsFor, detail)
        obstacle = waitsFor
        return
      }
      case 'ready':
        watch.progress()
        log.info({ step: message.step, determinism: message.determinism, pid: trainer.pid }, 'training')
        trainerLog.add('trainer', 'info', `training from step ${message.step} on, ${message.determinism}`)
        return onReady(message.determinism)
      case 'health':
        watch.progress()
        trainerLog.add('trainer', 'info', `critic ${message.health.state}: ${message.health.reason}`)
        return onHealth(message.health)
      case 'remedy':
        watch.progress()
        trainerLog.add('trainer', 'warn', `remedy: ${message.message}`)
        return onRemedy(message)
      case 'done':
      case 'failed':
        if (message.type === 'failed') {
          log.error({ kind: message.kind, stack: message.stack }, message.message)
          trainerLog.add('trainer', 'error', `${message.kind}: ${message.stack ?? message.message}`)
        } else trainerLog.add('trainer', 'info', `done at step ${message.step}: ${message.outcome}`)
        last = message
        return
      default: {
        if (message.type === 'points') {
          watch.steps(message.steps.at(-1) ?? 0, message.elapsedSeconds)
          onPoints(message)
        } else watch.progress()
        const { seq } = message
        persist(message).then(
          () => trainer.send({ type: 'ack', seq }),
          () => {},
        )
      }
    }
  }

  const trainer = startTrainer({ ...options, onMessage, onOutput: trainerLog.output })
  const watch = watchForStall(options.stallSeconds, (seconds) => {
    log.error({ seconds }, 'the trainer makes no progress: killed')
    trainerLog.add('trainer', 'error', `no progress for ${Math.round(seconds)} s: killed`)
    hungSeconds = seconds
    trainer.kill('SIGKILL')
  })
  let insist: NodeJS.Timeout | undefined
  const tell = (wish: Wish) => {
    log.info({ wish }, 'the trainer is told')
    if (wish === 'preempt' || wish === 'pause' || wish === 'stop') return trainer.send({ type: 'stop' })
    if (wish === 'abandon' || wish === 'lost') return trainer.kill('SIGKILL')
    trainer.send({ type: 'cancel' })
    clearTimeout(insist)
    insist = setTimeout(() => trainer.kill('SIGKILL'), KILL_AFTER_MS)
  }
  const stopListening = intent.listen(tell)
  try {
    const end = { ...(await trainer.ended), hungSeconds }
    if (!last) trainerLog.add('trainer', 'error', `ended without a word: ${end.signal ?? `exit code ${end.code}`}`)
    return { end, last }
  } finally {
    watch.stop()
    clearTimeout(insist)
    stopListening()
  }
}
