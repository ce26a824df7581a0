import type { Job } from '@kantor/contracts'
import { Link } from '@tanstack/react-router'
import { count } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { HealthMark } from '../frame/health-mark.js'
import { StateMark } from '../frame/state-mark.js'
import { JobActions } from './job-actions.js'
import styles from './job-head.module.css'
import { whyHere, whyWaits } from './reasons.js'

export function JobHead({ job }: { job: Job }) {
  const tags = Object.entries(job.tags)
  return (
    <header className={styles['head']}>
      <nav aria-label="Where this is" className={styles['trail']}>
        <Link to="/">Jobs</Link> <span aria-hidden>/</span>{' '}
        <Copyable value={job.id} short={job.id.slice(-8)} name="job id" />
      </nav>
      <div className={styles['line']}>
        <h1>{job.name}</h1>
        <StateMark state={job.state} />
        {job.health && <HealthMark health={job.health} />}
        <span className={styles['action']}>
          <JobActions job={job} />
        </span>
      </div>
      <p className={styles['reason']} data-bad={job.state === 'failed'}>
        {whyHere(job)}
        {/* A failure has a card of its own below. */}
        {job.message !== null && job.state !== 'failed' && <> · {job.message}</>}
      </p>
      {job.health !== null && job.health.suggestion !== null && (
        <p className={styles['reason']}>
          Since step {count(job.health.sinceStep)} {job.health.reason}: {job.health.suggestion}.
        </p>
      )}
      {job.waiting && <p className={styles['reason']}>{whyWaits(job.waiting)}</p>}
      {job.sweepId !== null && (
        <p className={styles['reason']}>
          Trial {job.trial} of{' '}
          <Link to="/sweeps/$sweepId" params={{ sweepId: job.sweepId }} className={styles['origin']}>
            sweep {job.sweepId.slice(-8)}
          </Link>
        </p>
      )}
      {job.startFrom && 'weights' in job.startFrom && (
        <p className={styles['reason']}>Started from uploaded weights {job.startFrom.weights.slice(-8)}</p>
      )}
      {job.startFrom && 'jobId' in job.startFrom && (
        <p className={styles['reason']}>
          Started from a checkpoint of{' '}
          <Link to="/jobs/$jobId" params={{ jobId: job.startFrom.jobId }} className={styles['origin']}>
            job {job.startFrom.jobId.slice(-8)}
          </Link>
        </p>
      )}
      {job.importedFrom && (
        <p className={styles['reason']}>
          Imported: it was job {job.importedFrom.jobId.slice(-8)} of {job.importedFrom.host}
        </p>
      )}
      {job.notes !== '' && <p className={styles['notes']}>{job.notes}</p>}
      {tags.length > 0 && (
        <ul className={styles['tags']} aria-label="Tags">
          {tags.map(([name, value]) => (
            <li key={name}>
              <span className="faded">{name}</span> {value}
            </li>
          ))}
        </ul>
      )}
    </header>
  )
}
