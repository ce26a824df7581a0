import { isTerminal, type Job } from '@kantor/contracts'
import { Link } from '@tanstack/react-router'
import { count, datasetName, duration, figure, modelName, moment, nothing, rate, words } from '../format.js'
import { ProgressLine } from '../frame/progress-line.js'
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
  const over = isTerminal(job.state)
  return (
    <tr className={styles['row']}>
      <td className={styles['name']}>
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={styles['link']}>
          {job.name}
        </Link>
      </td>
      <td className={styles['state']} title={job.message ?? words(job.reason)}>
        <StateMark state={job.state} />
      </td>
      <td data-label="Dataset" title={spec.dataset}>
        {datasetName(spec.dataset)}
      </td>
      <td data-label="Model" title={`latent ${count(spec.model.latentSize)}, batch ${count(spec.batchSize)}`}>
        {modelName(spec)}
      </td>
      <td className={styles['progress']}>
        <ProgressLine job={job} />
      </td>
      <td data-label="Estimate" className={styles['number']}>
        {figure(progress?.wEstimate)}
      </td>
      <td data-label="Rate" className={styles['number']}>
        {over ? nothing : rate(progress?.stepsPerSecond)}
      </td>
      <td data-label="Time left" className={styles['number']}>
        {over ? nothing : duration(progress?.etaSeconds)}
      </td>
      <td data-label="Age" className={styles['number']} title={moment(job.createdAt)}>
        {duration((now - Date.parse(job.createdAt)) / 1000)}
      </td>
    </tr>
  )
}
