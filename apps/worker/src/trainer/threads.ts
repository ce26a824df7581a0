import { type JobSpec, operationsPerGeneratorStep } from '@kantor/contracts'

/**
 * Below this many operations per generator step, splitting an op costs more than it gains: two ops at once on a thread each
 * are faster than one op on two. Measured on 2 cores: 1.3 times at 7e9, even at 2.4e10.
 */
const WORTH_SPLITTING = 1e10

/** Threads that share one op; TensorFlow runs as many ops at once as the worker allows it threads. */
export const threadsFor = (
  spec: Pick<JobSpec, 'model' | 'batchSize' | 'schedule' | 'objective'>,
  channels: number,
  available: number,
): number => (operationsPerGeneratorStep(spec, channels) < WORTH_SPLITTING ? 1 : available)
