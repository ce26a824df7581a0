import { isOwned, isTerminal, type Job } from '@kantor/contracts'
import type { ReactNode } from 'react'
import { count, duration, figure, moment, nothing, rate } from '../format.js'
import { ProgressLine } from '../frame/progress-line.js'
import { useNow } from '../use-now.js'
import styles from './figures.module.css'

/** How far, how fast, how long still. */
export function Figures({ job }: { job: Job }) {
  const over = isTerminal(job.state)
  const works = isOwned(job.state)
  const now = useNow(over ? null : 1000)
  const { progress } = job
  const end = job.finishedAt === null ? now : Date.parse(job.finishedAt)
  const elapsed = job.startedAt === null ? null : (end - Date.parse(job.startedAt)) / 1000

  return (
    <dl className={`sheet ${styles['figures']}`}>
      <Figure name="Generator steps" wide>
        <ProgressLine job={job} />
      </Figure>
      <Figure name="Estimate" hint="The newest Wasserstein estimate under the current critic">
        {figure(progress?.wEstimate)}
      </Figure>
      <Figure name="Rate" hint="Generator steps per second or minute">
        {works ? rate(progress?.stepsPerSecond) : nothing}
      </Figure>
      <Figure name="Time left">{works ? duration(progress?.etaSeconds) : nothing}</Figure>
      <Figure name="Elapsed" hint={job.startedAt === null ? undefined : `Started ${moment(job.startedAt)}`}>
        {duration(elapsed)}
      </Figure>
      <Figure name="Critic steps">{count(progress?.criticSteps)}</Figure>
      <Figure name="Epoch">{count(progress?.epoch)}</Figure>
      <Figure name="Attempt" hint={job.worker === null ? undefined : `Worker ${job.worker}`}>
        {job.attempt === 0 ? nothing : count(job.attempt)}
      </Figure>
    </dl>
  )
}

interface FigureProps {
  name: string
  hint?: string | undefined
  wide?: boolean
  children: ReactNode
}

const Figure = ({ name, hint, wide = false, children }: FigureProps) => (
  <div className={styles['figure']} data-wide={wide} title={hint}>
    <dt className="caption">{name}</dt>
    <dd>{children}</dd>
  </div>
)
