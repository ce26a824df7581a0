import type { Job, Reason } from '@kantor/contracts'

const sentences: Record<Reason, string> = {
  submitted: 'Waiting for a worker',
  claimed: 'A worker has taken it and is getting ready',
  first_step: 'Training',
  budget_reached: 'Reached its budget',
  user: 'As asked by a person',
  preempted: 'Its worker went down in good order',
  worker_lost: 'Its worker was lost',
  lease_expired: 'Its worker fell silent',
  trainer_error: 'The trainer broke down',
  diverged: 'Training diverged',
  out_of_memory: 'The device ran out of memory',
  poison: 'Three attempts crashed without a new checkpoint',
  dataset_error: 'The dataset could not be read',
  dataset_changed: 'The dataset is no longer the one that was submitted',
  checkpoint_corrupt: 'A checkpoint did not match its hash',
  storage_error: 'The object store failed',
  invalid_spec: 'The spec cannot be trained',
}

/** Why the job is where it is, in a sentence. */
export function whyHere({ state, reason }: Job): string {
  if (state === 'cancelling') return 'Being cancelled: the worker ends at its next step'
  if (state === 'cancelled' && reason === 'user') return 'Cancelled by a person'
  const sentence = sentences[reason]
  const waits = state === 'queued' && reason !== 'submitted'
  return waits ? `${sentence}; waiting for another to carry on` : sentence
}
