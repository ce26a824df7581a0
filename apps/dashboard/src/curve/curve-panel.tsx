import { Button, Chip, Group, Skeleton, Switch } from '@mantine/core'
import { type CurveReply, type Job, seriesCatalogue } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { curveQuery } from '../api.js'
import { count, words } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from './curve.module.css'
import { EstimateChart } from './estimate-chart.js'
import { type PartName, partColours, partNames, PartsChart } from './parts-chart.js'
import type { StepRange } from './plot.js'

interface CurvePanelProps {
  job: Job
  /** The step of the sample that is being looked at. */
  chosenStep: number | null
  range: StepRange | null
  onZoom: (range: StepRange | null) => void
}

/** The curve of one job, live: the estimate above, the losses on demand below, one zoom for both, and for what else goes by step. */
export function CurvePanel({ job, chosenStep, range, onZoom: setRange }: CurvePanelProps) {
  const [logarithmic, setLogarithmic] = useState(false)
  const [parts, setParts] = useState<PartName[]>(['critic_loss', 'gen_loss'])
  const names = useMemo(() => partNames.filter((name) => parts.includes(name)), [parts])
  const curve = useQuery(curveQuery({ id: job.id, metrics: ['w_estimate', ...names], range }))
  const steps = curve.data?.series.w_estimate?.x ?? []
  const hasPoints = steps.length > 0
  // A job's progress is written less often than its points.
  const lastStep = Math.max(job.progress?.step ?? 0, steps.at(-1) ?? 0)

  return (
    <Section
      title="Wasserstein estimate"
      aside={
        <>
          {curve.data && <Detail curve={curve.data} range={range} />}
          {range !== null && (
            <Button size="compact-xs" onClick={() => setRange(null)}>
              Show all
            </Button>
          )}
          <Switch
            size="xs"
            label="log scale"
            checked={logarithmic}
            onChange={(event) => setLogarithmic(event.currentTarget.checked)}
          />
        </>
      }
    >
      <div className={styles['body']}>
        {curve.isPending && <Skeleton h={330} aria-label="Loading the curve" />}
        {curve.isError && !curve.data && <Failure error={curve.error} retry={() => void curve.refetch()} />}
        {curve.data && !hasPoints && <NoPoints job={job} zoomed={range !== null} />}
        {curve.data && hasPoints && (
          <>
            <EstimateChart {...{ range, lastStep, logarithmic, chosenStep }} curve={curve.data} onZoom={setRange} />
            <p className={styles['note']}>
              Falls as samples improve; an estimate under the current critic, not the Wasserstein distance itself. Band:
              lowest to highest raw value. Line: running median of 101 raw points. Drag to zoom, double click to show
              all.
            </p>
            <Parts parts={names} choose={setParts} />
            {names.length > 0 && (
              <PartsChart curve={curve.data} range={range} lastStep={lastStep} onZoom={setRange} names={names} />
            )}
          </>
        )}
      </div>
    </Section>
  )
}

function Detail({ curve, range }: { curve: CurveReply; range: StepRange | null }) {
  const checkpoints = curve.marks.filter(({ type }) => type === 'checkpoint').length
  return (
    <span className="faded">
      {range !== null && `steps ${count(range.from)} – ${count(range.to)} · `}
      {curve.resolution === 1 ? 'every step' : `${count(curve.resolution)} steps per bucket`}
      {checkpoints > 0 && (
        <>
          {' · '}
          <span className={styles['checkpoint']}>▲</span> checkpoint
        </>
      )}
    </span>
  )
}

function Parts({ parts, choose }: { parts: PartName[]; choose: (parts: PartName[]) => void }) {
  return (
    <Chip.Group multiple value={parts} onChange={(chosen) => choose(partNames.filter((name) => chosen.includes(name)))}>
      <Group gap={6} role="group" aria-label="Show also" className={styles['parts']}>
        <span className="caption">Show also</span>
        {partNames.map((name) => (
          <Chip key={name} value={name} size="xs" variant="outline" color={`var(--${partColours[name]})`}>
            <span title={seriesCatalogue[name]}>{words(name)}</span>
          </Chip>
        ))}
      </Group>
    </Chip.Group>
  )
}

function NoPoints({ job, zoomed }: { job: Job; zoomed: boolean }) {
  if (zoomed) return <Empty title="No points in these steps" />
  if (job.finishedAt !== null) return <Empty title="No points">The job ended before its first generator step.</Empty>
  return <Empty title="No points yet">The curve begins with the first generator step.</Empty>
}
