import { Skeleton } from '@mantine/core'
import {
  isFinishedTask,
  type Job,
  metricCatalogue,
  type MetricName,
  metricNames,
  type MetricSeriesName,
  POINT_SIZE,
} from '@kantor/contracts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { checkpointsQuery, curveQuery } from '../api.js'
import { seriesOf } from '../curve/columns.js'
import type { StepRange } from '../curve/plot.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { measurementsQuery, tasksQuery, useMay } from '../task-queries.js'
import { EvaluateButton } from './evaluate-button.js'
import { MeasurementTable } from './measurement-table.js'
import styles from './quality.module.css'
import { TrendChart } from './trend-chart.js'

const series = metricNames.map((name): MetricSeriesName => `metric.${name}`)

interface QualityPanelProps {
  job: Job
  range: StepRange | null
  onZoom: (range: StepRange | null) => void
}

/** Quality of the job's checkpoints beside what other real images get: one metric over steps, and the newest figures of all. */
export function QualityPanel({ job, range, onZoom }: QualityPanelProps) {
  const [chosen, setChosen] = useState<MetricName | null>(null)
  const curve = useQuery(curveQuery({ id: job.id, metrics: series, range, coarse: 1000 }))
  const steps = metricNames.reduce(
    (sum, name) => sum + (curve.data ? seriesOf(curve.data, `metric.${name}`).x.length : 0),
    0,
  )
  const figures = useQuery(measurementsQuery(job.id, steps))
  const checkpoints = useQuery(checkpointsQuery(job)).data?.items.filter(({ quarantined }) => !quarantined) ?? []
  const underWay = useUnderWay(job)
  const mayAsk = useMay('submit') && checkpoints.length > 0
  if (job.spec.model.imageSize === POINT_SIZE || (steps === 0 && range === null && checkpoints.length === 0))
    return null
  const measured = metricNames.filter((name) => curve.data && seriesOf(curve.data, `metric.${name}`).x.length > 0)
  const name = chosen !== null && measured.includes(chosen) ? chosen : measured[0]

  return (
    <Section
      title="Quality"
      aside={
        <>
          {underWay > 0 && (
            <span className="faded" role="status">
              {underWay} {underWay === 1 ? 'evaluation' : 'evaluations'} under way
            </span>
          )}
          {mayAsk && <EvaluateButton job={job} checkpoints={checkpoints} />}
        </>
      }
    >
      {curve.isPending && <Skeleton h={48} m="md" aria-label="Loading quality" />}
      {curve.isError && !curve.data && <Failure error={curve.error} retry={() => void curve.refetch()} />}
      {curve.data && name === undefined && (
        <Empty
          title={range === null ? 'No checkpoint was evaluated yet' : 'No checkpoint of these steps was evaluated'}
        >
          An evaluation makes images with a checkpoint and measures them against real ones.
        </Empty>
      )}
      {curve.data && name !== undefined && (
        <div className={styles['body']}>
          <TrendChart {...{ job, name, range, onZoom }} curve={curve.data} />
          <p className={styles['note']}>
            {metricCatalogue[name].says}. {aims[metricCatalogue[name].goal]} Dashed: the floor, what other real images
            get.
          </p>
          <MeasurementTable items={figures.data?.items ?? []} chosen={name} onChoose={setChosen} />
        </div>
      )}
    </Section>
  )
}

const aims = {
  min: 'Lower is better.',
  max: 'Higher is better.',
  floor: 'Best at the floor.',
} as const

/** How many evaluations of the job are not over. When one is done, there is more to draw: also of a job whose curve is no longer polled. */
function useUnderWay(job: Job): number {
  const queries = useQueryClient()
  const tasks = useQuery(tasksQuery(job)).data?.items.filter(({ kind }) => kind === 'evaluate') ?? []
  const done = tasks.flatMap(({ id, state }) => (state === 'succeeded' ? [id] : [])).join(',')
  useEffect(() => {
    if (done === '') return
    for (const queryKey of [
      ['curve', job.id, series.join(',')],
      ['measurements', job.id],
    ])
      void queries.invalidateQueries({ queryKey })
  }, [done, job.id, queries])
  return tasks.filter(({ state }) => !isFinishedTask(state)).length
}
