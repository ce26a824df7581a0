import { z } from 'zod'
import { isTerminal, type JobState } from './job.js'

/** What a person may ask of one job that exists. */
export const Verb = z
  .enum(['pause', 'resume', 'stop', 'cancel', 'retry', 'fork', 'archive', 'unarchive', 'delete'])
  .meta({ id: 'Verb' })
export type Verb = z.infer<typeof Verb>

/** The verbs that move a job: where to, `same` when the wish is being met already; a state that is absent refuses. */
export const moves = {
  // What nobody trains is paused, stopped or cancelled at once; what a worker holds is asked to.
  pause: { queued: 'paused', starting: 'pausing', running: 'pausing', pausing: 'same', paused: 'same' },
  resume: { paused: 'queued', queued: 'same', starting: 'same', running: 'same' },
  stop: {
    queued: 'stopped',
    paused: 'stopped',
    starting: 'stopping',
    running: 'stopping',
    pausing: 'stopping',
    stopping: 'same',
    stopped: 'same',
  },
  cancel: {
    queued: 'cancelled',
    paused: 'cancelled',
    starting: 'cancelling',
    running: 'cancelling',
    pausing: 'cancelling',
    stopping: 'cancelling',
    cancelling: 'same',
    cancelled: 'same',
  },
} as const satisfies Record<string, Partial<Record<JobState, JobState | 'same'>>>
export type MovingVerb = keyof typeof moves

const isMoving = (verb: Verb): verb is MovingVerb => verb in moves

/** Whether a job in this state takes the verb. A fork also needs a checkpoint, a deletion that nothing starts from the job's. */
export function takes(state: JobState, verb: Verb): boolean {
  if (isMoving(verb)) return state in moves[verb]
  if (verb === 'fork') return true
  if (verb === 'retry') return isTerminal(state) && state !== 'succeeded'
  return isTerminal(state)
}

/** Every verb that a job in this state takes. */
export const verbsOf = (state: JobState): Verb[] => Verb.options.filter((verb) => takes(state, verb))

/**
 * What a pause does about the work since the newest checkpoint. `save`: the trainer checkpoints at its next step boundary first.
 * `latest`: it stops at once, and that work is done again after the resume.
 */
export const PauseCheckpoint = z.enum(['save', 'latest']).meta({ id: 'PauseCheckpoint' })
export type PauseCheckpoint = z.infer<typeof PauseCheckpoint>
