import { z } from 'zod'

interface ReasonEntry {
  /** What happened, as a sentence without its full stop. */
  meaning: string
  /** What a person can do about it; absent where nothing is wrong. */
  remedy?: string
}

/** Why a job is in its state, or what an event tells: stable names. The only table of its kind; `docs/failures.md` explains them. */
export const reasonCatalogue = {
  submitted: { meaning: 'Waiting for a worker' },
  claimed: { meaning: 'A worker has taken it and is getting ready' },
  first_step: { meaning: 'Training' },
  budget_reached: { meaning: 'Reached its budget' },
  user: { meaning: 'As asked by a person' },
  unsaved: {
    meaning: 'Paused without the save that was asked for',
    remedy: 'Nothing is needed: after the resume, the steps that its message names are trained again, to the same bits',
  },
  edited: { meaning: 'Name, tags, notes or priority were changed' },
  archived: { meaning: 'Taken out of the lists' },
  unarchived: { meaning: 'Put back into the lists' },
  alert_fired: {
    meaning: 'An alert rule found something',
    remedy: 'See the message, and the mark on the curve; the job itself goes on as before',
  },
  imported: { meaning: 'Came from an archive; what is before it happened elsewhere' },
  preempted: { meaning: 'Its worker went down in good order' },
  worker_lost: {
    meaning: 'Its worker was lost',
    remedy: 'Nothing for this job: another worker goes on from the last checkpoint. See why the worker died',
  },
  lease_expired: {
    meaning: 'Its worker fell silent',
    remedy:
      'Nothing for this job: another worker goes on from the last checkpoint. See whether the host, or its way to Postgres, is down',
  },
  trainer_error: {
    meaning: 'The trainer broke down',
    remedy:
      'Read the log of the attempt. It is tried again from the last checkpoint; if the error is ours, report it with the dossier',
  },
  trainer_killed: {
    meaning: 'A signal ended the trainer',
    remedy:
      'SIGKILL came from outside (an operator, a container limit); SIGSEGV, SIGBUS and SIGABRT come from native code: see the log, driver and memory of the host',
  },
  hung: {
    meaning: 'The trainer made no progress any more and was killed',
    remedy:
      'A stuck driver or disk is the usual cause: see the host. If steps really take that long, raise KANTOR_STALL_SECONDS',
  },
  diverged: {
    meaning: 'Training diverged',
    remedy:
      'Lower the learning rates (or the clip, for wgan-clip), or take wgan-gp; checkpoints of before are kept and can be forked from',
  },
  out_of_memory: {
    meaning: 'Memory ran out',
    remedy: 'Use a smaller batchSize or imageSize, or fewer filters, or a worker with more memory',
  },
  poison: {
    meaning: 'Three attempts crashed without a new checkpoint',
    remedy:
      'See what its attempts have in common in the dossier; a checkpoint more often (checkpoint.everySteps) tells bad luck from a fault',
  },
  dataset_error: {
    meaning: 'The dataset could not be read',
    remedy: 'Import the dataset again (`kantor dataset import`) and retry the job',
  },
  dataset_changed: {
    meaning: 'The dataset is no longer the one that was submitted',
    remedy: 'Import the original again, or submit a new job on the dataset as it is now',
  },
  checkpoint_corrupt: {
    meaning: 'A checkpoint did not match its hash and was put aside',
    remedy:
      'Nothing for this job: it goes on from the one before. See why the object store, or a disk, gives back other bytes',
  },
  incompatible_checkpoint: {
    meaning: 'The checkpoint belongs to another release or another spec',
    remedy: 'Run a worker of the release that wrote it, or submit the job anew',
  },
  storage_error: {
    meaning: 'The object store refused what it was given',
    remedy:
      'See the message: another object under the same key, or bytes that arrive changed, point at the store or the network',
  },
  storage_paused: {
    meaning: 'Training stands still until its checkpoints can be stored',
    remedy: 'Bring the object store back, or make room on the disk; training goes on by itself',
  },
  critic_health: { meaning: 'The critic came into another state' },
  remedy: { meaning: 'A remedy of the spec was applied' },
  critic_diverged: {
    meaning: 'A remedy of the spec stopped it: the critic fared too badly',
    remedy: 'The message says what was seen and what to change; its checkpoints are kept and can be forked from',
  },
  rolled_back: {
    meaning: 'A remedy of the spec takes it back to a checkpoint of before the trouble, with slower learning rates',
    remedy: 'Nothing is needed. If it happens again and again, submit a new job with what the message suggests',
  },
  storage_resumed: { meaning: 'Training goes on: what waited is stored' },
  invalid_spec: {
    meaning: 'The spec cannot be trained',
    remedy: 'Submit a corrected spec; the message names what is wrong',
  },
} as const satisfies Record<string, ReasonEntry>

export const Reason = z
  .enum(Object.keys(reasonCatalogue) as [keyof typeof reasonCatalogue, ...(keyof typeof reasonCatalogue)[]])
  .meta({ id: 'Reason' })
export type Reason = z.infer<typeof Reason>

/** What to do about it, or null where nothing is wrong. */
export function remedyOf(reason: Reason): string | null {
  const entry: ReasonEntry = reasonCatalogue[reason]
  return entry.remedy ?? null
}
