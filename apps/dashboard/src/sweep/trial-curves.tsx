import { Button, Chip, Group, NativeSelect, Skeleton } from '@mantine/core'
import { MAX_CURVES, type Sweep, type Trial } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { trialCurvesQuery } from '../api.js'
import curveStyles from '../curve/curve.module.css'
import type { StepRange } from '../curve/plot.js'
import { count } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { OverlayChart } from './overlay-chart.js'
import { isOver, scaleOf, scalePaths } from './parameters.js'

/** More of them go into a list. */
const MAX_CHIPS = 6

interface TrialCurvesProps {
  sweep: Sweep
  /** Best first. */
  trials: Trial[]
  /** The job whose line is drawn over the others. */
  lifted: string | null
}

/** The estimates of the trials on one axis: of those only that share what sets its scale. */
export function TrialCurves({ sweep, trials, lifted }: TrialCurvesProps) {
  const [chosen, choose] = useState<string | null>(null)
  const [range, setRange] = useState<StepRange | null>(null)
  const paths = useMemo(() => scalePaths(sweep), [sweep])
  const started = trials.filter(({ step }) => step !== null)
  const scales = [...new Set(started.map((trial) => scaleOf(trial, paths)))]
  const scale = chosen !== null && scales.includes(chosen) ? chosen : scales[0]
  const shown = started.filter((trial) => scaleOf(trial, paths) === scale).slice(0, MAX_CURVES)
  const curves = useQuery(trialCurvesQuery({ jobIds: shown.map(({ jobId }) => jobId), range, live: !isOver(trials) }))
  const lastStep = Math.max(1, ...shown.map(({ step }) => step ?? 0))

  return (
    <Section
      title="Estimates"
      aside={
        <>
          {shown.length > 0 && (
            <span className="faded">
              {count(shown.length)} of {count(trials.length)} trials
            </span>
          )}
          {range !== null && (
            <Button size="compact-xs" onClick={() => setRange(null)}>
              Show all
            </Button>
          )}
        </>
      }
    >
      <div className={curveStyles['body']}>
        {scales.length > MAX_CHIPS && (
          <NativeSelect
            size="xs"
            maw="24rem"
            label="Trials of one scale"
            data={scales.toSorted(byNumbers)}
            value={scale ?? ''}
            onChange={(event) => choose(event.currentTarget.value)}
          />
        )}
        {scales.length > 1 && scales.length <= MAX_CHIPS && (
          <Chip.Group multiple={false} value={scale ?? null} onChange={choose}>
            <Group gap={6} role="group" aria-label="Trials of one scale">
              <span className="caption">One scale</span>
              {scales.toSorted(byNumbers).map((name) => (
                <Chip key={name} value={name} size="xs" variant="outline">
                  {name}
                </Chip>
              ))}
            </Group>
          </Chip.Group>
        )}
        {shown.length === 0 && <Empty title="No curves yet">They begin with the first trial’s first step.</Empty>}
        {shown.length > 0 && curves.isPending && <Skeleton h={330} aria-label="Loading the curves" />}
        {curves.isError && !curves.data && <Failure error={curves.error} retry={() => void curves.refetch()} />}
        {shown.length > 0 && curves.data && (
          <>
            <OverlayChart
              curves={curves.data.items}
              trials={shown}
              {...{ range, lastStep, lifted }}
              onZoom={setRange}
            />
            <p className={curveStyles['note']}>
              Running medians of 101 raw points. Strong: the best of those shown; a row of the table lifts its own line.
              A lower estimate is worth something only beside better samples. Drag to zoom, double click to show all.
            </p>
          </>
        )}
      </div>
    </Section>
  )
}

const byNumbers = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true })
