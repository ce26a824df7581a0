import { isOwned, isTerminal, type JobState, type Sweep } from '@kantor/contracts'
import { count } from '../format.js'
import styles from './sweep-progress.module.css'

/** Runs of one colour in the bar, in this order; what still waits is its empty rest. */
const parts: { name: string; of: (state: JobState) => boolean }[] = [
  { name: 'good', of: (state) => state === 'succeeded' || state === 'stopped' },
  { name: 'bad', of: (state) => state === 'failed' },
  { name: 'over', of: (state) => state === 'cancelled' },
  { name: 'active', of: isOwned },
  { name: 'waiting', of: (state) => state === 'paused' },
]

export const countTrials = ({ counts }: Sweep, of: (state: JobState) => boolean): number =>
  (Object.entries(counts) as [JobState, number][]).reduce((sum, [state, n]) => sum + (of(state) ? n : 0), 0)

/** Trials that are over of those there are, with a thin bar of how they stand. */
export function SweepProgress({ sweep }: { sweep: Sweep }) {
  const over = countTrials(sweep, isTerminal)
  const words = (Object.entries(sweep.counts) as [JobState, number][])
    .filter(([, n]) => n > 0)
    .map(([state, n]) => `${count(n)} ${state}`)
  return (
    <span className={styles['line']} title={words.join(', ')}>
      <span>
        {count(over)}
        <span className="faded"> / {count(sweep.trials)}</span>
        {sweep.counts.failed > 0 && <span className={styles['failed']}> · {count(sweep.counts.failed)} failed</span>}
      </span>
      <span
        className={styles['track']}
        role="progressbar"
        aria-label="Trials that are over"
        aria-valuemin={0}
        aria-valuemax={sweep.trials}
        aria-valuenow={over}
      >
        {parts.map(({ name, of }) => (
          <span
            key={name}
            className={styles['part']}
            data-part={name}
            style={{ width: `${(countTrials(sweep, of) / sweep.trials) * 100}%` }}
          />
        ))}
      </span>
    </span>
  )
}
