import { Skeleton } from '@mantine/core'
import { type CurveReply, type Job } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { curveQuery } from '../api.js'
import { seriesOf } from '../curve/columns.js'
import type { StepRange } from '../curve/plot.js'
import { count } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { DiagnosticChart } from './diagnostic-chart.js'
import styles from './diagnostics.module.css'
import { diagnosticNames, groups } from './groups.js'

interface DiagnosticsPanelProps {
  job: Job
  range: StepRange | null
  onZoom: (range: StepRange | null) => void
}

/** A chart is some two hundred pixels wide. */
const BUCKETS = 250

/** What the job measured beside its losses, as small charts over the same steps, with the lines that critic health judges them by. */
export function DiagnosticsPanel({ job, range, onZoom }: DiagnosticsPanelProps) {
  const curve = useQuery(curveQuery({ id: job.id, metrics: diagnosticNames, range, coarse: BUCKETS }))
  const lastStep = Math.max(job.progress?.step ?? 0, lastOf(curve.data))
  const shown = useMemo(() => range ?? { from: 0, to: Math.max(1, lastStep) }, [range, lastStep])
  if (curve.isPending) return <Skeleton h={260} aria-label="Loading diagnostics" />
  const has = groups.flatMap(({ title, names }) => {
    const measured = names.filter((name) => curve.data && seriesOf(curve.data, name).x.length > 0)
    return measured.length > 0 ? [{ title, names: measured }] : []
  })
  return (
    <Section title="Diagnostics" aside={<Legend curve={curve.data} />}>
      {curve.isError && !curve.data && <Failure error={curve.error} retry={() => void curve.refetch()} />}
      {curve.data && has.length === 0 && (
        <Empty title={range === null ? 'Nothing measured yet' : 'Nothing was measured in these steps'} />
      )}
      {curve.data &&
        has.map(({ title, names }) => (
          <section key={title} className={styles['group']} aria-label={title}>
            <h3 className="caption">{title}</h3>
            <div className={styles['charts']}>
              {names.map((name) => (
                <DiagnosticChart key={name} {...{ job, name, lastStep, onZoom }} curve={curve.data} range={shown} />
              ))}
            </div>
          </section>
        ))}
    </Section>
  )
}

function Legend({ curve }: { curve: CurveReply | undefined }) {
  if (curve === undefined) return null
  return (
    <span className="faded">
      {curve.resolution === 1 ? 'every step' : `${count(curve.resolution)} steps per bucket`}
      {' · '}
      <span className={styles['limit']}>┄</span> a rule’s limit{' · '}
      <span className={styles['fired']}>▼</span> it fired
    </span>
  )
}

/** The newest step at which anything was measured. */
const lastOf = (curve: CurveReply | undefined): number =>
  curve === undefined
    ? 0
    : diagnosticNames.reduce((newest, name) => Math.max(newest, seriesOf(curve, name).x.at(-1) ?? 0), 0)
