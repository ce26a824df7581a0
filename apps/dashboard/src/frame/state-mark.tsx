import type { JobState, SweepState } from '@kantor/contracts'
import styles from './state-mark.module.css'

const tones: Record<JobState | SweepState, string> = {
  queued: 'waiting',
  starting: 'active',
  running: 'active',
  pausing: 'active',
  paused: 'waiting',
  stopping: 'active',
  stopped: 'stopped',
  cancelling: 'ending',
  cancelled: 'over',
  succeeded: 'good',
  failed: 'bad',
  finished: 'good',
}

/** A state as a dot and a word; the dot breathes while something happens. */
export function StateMark({ state }: { state: JobState | SweepState }) {
  return (
    <span className={styles['mark']} data-tone={tones[state]} data-state={state}>
      <span className={styles['dot']} aria-hidden />
      {state}
    </span>
  )
}
