import { Skeleton, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { jobQuery } from '../api.js'
import { CurvePanel } from '../curve/curve-panel.js'
import type { StepRange } from '../curve/plot.js'
import { DiagnosticsPanel } from '../diagnostics/diagnostics-panel.js'
import { Failure } from '../frame/notices.js'
import { QualityPanel } from '../quality/quality-panel.js'
import { TasksPanel } from '../tasks/tasks-panel.js'
import { AttemptsPanel } from './attempts-panel.js'
import { CheckpointsPanel } from './checkpoints-panel.js'
import { EventsPanel } from './events-panel.js'
import { FailureCard } from './failure-card.js'
import { Figures } from './figures.js'
import { JobHead } from './job-head.js'
import styles from './job-page.module.css'
import { LintPanel } from './lint-panel.js'
import { LogsPanel } from './logs-panel.js'
import { SamplesPanel } from './samples-panel.js'
import { SpecPanel } from './spec-panel.js'

/** One job: how it is doing, its curve and samples, what it left behind and what was asked for. */
export function JobPage({ jobId }: { jobId: string }) {
  const { data: job, error, isPending, refetch } = useQuery(jobQuery(jobId))
  const [chosenStep, setChosenStep] = useState<number | null>(null)
  const [range, setRange] = useState<StepRange | null>(null)
  const title = job?.name
  useEffect(() => {
    document.title = title === undefined ? 'Job · Kantor' : `${title} · Kantor`
  }, [title])

  if (isPending) return <Loading />
  if (job === undefined) return <Failure error={error} retry={() => void refetch()} />
  return (
    <div className={styles['page']}>
      <JobHead job={job} />
      {job.state === 'failed' && <FailureCard job={job} />}
      <Figures job={job} />
      <LintPanel lint={job.lint} />
      <div className={styles['columns']}>
        <div className={styles['column']}>
          <CurvePanel job={job} chosenStep={chosenStep} range={range} onZoom={setRange} />
          <QualityPanel job={job} range={range} onZoom={setRange} />
          <div className={styles['last']}>
            <DiagnosticsPanel job={job} range={range} onZoom={setRange} />
          </div>
          <div className={styles['last']}>
            <SpecPanel job={job} />
          </div>
        </div>
        <div className={styles['column']}>
          <SamplesPanel job={job} onStep={setChosenStep} />
          <CheckpointsPanel job={job} />
          <TasksPanel job={job} />
          <AttemptsPanel job={job} />
          <EventsPanel job={job} />
          <LogsPanel job={job} />
        </div>
      </div>
    </div>
  )
}

const Loading = () => (
  <Stack aria-label="Loading">
    <Skeleton h={34} w="40%" />
    <Skeleton h={64} />
    <Skeleton h={380} />
  </Stack>
)
