import type { Job } from '@kantor/contracts'
import { count } from '../format.js'
import styles from './progress-line.module.css'

/** Steps done of steps planned, with a thin bar under them; without a planned number there is no bar to draw. */
export function ProgressLine({ job }: { job: Job }) {
  const { progress } = job
  if (progress === null) return <span className="faded">not started</span>
  const { step, totalSteps } = progress
  const share = totalSteps === null ? null : Math.min(1, step / Math.max(1, totalSteps))
  return (
    <span className={styles['line']}>
      <span>
        {count(step)}
        <span className="faded"> / {totalSteps === null ? 'open end' : count(totalSteps)}</span>
      </span>
      {share !== null && (
        <span
          className={styles['track']}
          role="progressbar"
          aria-label="Progress"
          aria-valuemin={0}
          aria-valuemax={totalSteps ?? undefined}
          aria-valuenow={step}
        >
          <span className={styles['bar']} data-state={job.state} style={{ width: `${share * 100}%` }} />
        </span>
      )}
    </span>
  )
}
