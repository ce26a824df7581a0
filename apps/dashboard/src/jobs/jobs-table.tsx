import { isOwned, type Job } from '@kantor/contracts'
import { Link } from '@tanstack/react-router'
import { count, datasetName, duration, figure, modelName, moment, nothing, rate, roughly, words } from '../format.js'
import { ProgressLine } from '../frame/progress-line.js'
import { HealthMark } from '../frame/health-mark.js'
import { StateMark } from '../frame/state-mark.js'
import { useNow } from '../use-now.js'
import styles from './jobs-table.module.css'

export function JobsTable({ jobs }: { jobs: Job[] }) {
  const now = useNow(10_000)
  return (
    <table className={styles['table']}>
      <thead>
        <tr>
          <th>Job</th>
          <th>State</th>
          <th>Dataset</th>
          <th>Model</th>
          <th>Generator steps</th>
          <th title="Wasserstein estimate under the current critic" className={styles['number']}>
            Estimate
          </th>
          <th className={styles['number']}>Rate</th>
          <th className={styles['number']}>Time left</th>
          <th className={styles['number']}>Age</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <JobRow key={job.id} job={job} now={now} />
        ))}
      </tbody>
    </table>
  )
}

function JobRow({ job, now }: { job: Job; now: number }) {
  const { progress, spec } = job
  const works = isOwned(job.state)
  return (
    <tr className={styles['row']}>
      <td className={styles['name']}>
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={styles['link']}>
          {job.name}
        </Link>
      </td>
      <td className={styles['state']} title={job.message ?? words(job.reason)}>
        <StateMark state={job.state} />
        {works && job.health?.suggestion != null && <HealthMark health={job.health} />}
      </td>
      <td className={styles['dataset']} title={spec.dataset}>
        {datasetName(spec.dataset)}
      </td>
      <td className={styles['model']} title={`latent ${count(spec.model.latentSize)}, batch ${count(spec.batchSize)}`}>
        {modelName(spec)}
      </td>
      <td className={styles['progress']}>
        <ProgressLine job={job} />
      </td>
      <td data-label="Estimate" className={`${styles['number']} ${styles['estimate']}`}>
        {figure(progress?.wEstimate)}
      </td>
      <td className={`${styles['number']} ${styles['rate']}`}>{works ? rate(progress?.stepsPerSecond) : nothing}</td>
      <td data-label="Time left" className={`${styles['number']} ${styles['left']}`}>
        {works ? duration(progress?.etaSeconds) : nothing}
      </td>
      <td className={`${styles['number']} ${styles['age']}`} title={moment(job.createdAt)}>
        {roughly((now - Date.parse(job.createdAt)) / 1000)}
      </td>
    </tr>
  )
}
