import { type Job, reasonCatalogue } from '@kantor/contracts'

/** Why the job is where it is, in a sentence. */
export function whyHere({ state, reason }: Job): string {
  if (state === 'cancelling') return 'Being cancelled: the worker ends at its next step'
  if (state === 'cancelled' && reason === 'user') return 'Cancelled by a person'
  const sentence = reasonCatalogue[reason].meaning
  const waits = state === 'queued' && reason !== 'submitted'
  return waits ? `${sentence}; waiting for another to carry on` : sentence
}
