import { type Job, reasonCatalogue, type Waiting, type WaitingReason } from '@kantor/contracts'
import { moment } from '../format.js'

/** Why the job is where it is, in a sentence. */
export function whyHere({ state, reason }: Job): string {
  if (state === 'cancelling') return 'Being cancelled: the worker ends at its next step'
  if (state === 'pausing') return 'Being paused'
  if (state === 'stopping') return 'Being stopped: the worker ends with a last sample and a checkpoint'
  if (reason === 'user' && state in byUser) return byUser[state]!
  const sentence = reasonCatalogue[reason].meaning
  const waits = state === 'queued' && reason !== 'submitted'
  return waits ? `${sentence}; waiting for another to carry on` : sentence
}

const byUser: Partial<Record<Job['state'], string>> = {
  queued: 'Resumed by a person; waiting for a worker',
  paused: 'Paused by a person',
  stopped: 'Stopped early by a person',
  cancelled: 'Cancelled by a person',
}

const waitSentences: Record<WaitingReason, string> = {
  no_worker: 'No worker is there: start one with `kantor worker`',
  no_matching_device: 'No worker has the device that it asks for',
  backing_off: 'A pause after its last crash',
  key_limit: 'Its key has as many jobs running as it may',
  sweep_limit: 'Its sweep has as many trials running as it may',
  slots_busy: 'Every slot is taken',
  next: 'Starts in a moment',
}

/** What a queued job waits for, how many are before it, and until when. */
export function whyWaits({ reason, jobsAhead, eta }: Waiting): string {
  const ahead = jobsAhead === 0 ? '' : ` · ${jobsAhead} ${jobsAhead === 1 ? 'job' : 'jobs'} ahead`
  return `${waitSentences[reason]}${ahead}${eta === null ? '' : ` · starts about ${moment(eta)}`}`
}
