import { Select } from '@mantine/core'
import { type Job, metricCatalogue, type MetricName, metricNames, type MetricSeriesName } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { curveQuery } from '../api.js'
import { count, exactly, nothing, words } from '../format.js'
import { Section } from '../frame/notices.js'
import { metricOptions } from './chart-options.js'
import { seriesOf } from './columns.js'
import styles from './curve.module.css'
import type { Palette } from './palette.js'
import { Plot, type StepRange } from './plot.js'
import { Readout } from './readout.js'

const series = metricNames.map((name): MetricSeriesName => `metric.${name}`)

/** Quality of the job's checkpoints, one metric at a time, beside what other real images get; nothing where none was measured. */
export function MetricsPanel({ job }: { job: Job }) {
  const [range, setRange] = useState<StepRange | null>(null)
  const [chosen, setChosen] = useState<MetricName | null>(null)
  const [hovered, setHovered] = useState<number | null>(null)
  const curve = useQuery(curveQuery({ id: job.id, metrics: series, range }))
  const measured = metricNames.filter((name) => curve.data && seriesOf(curve.data, `metric.${name}`).x.length > 0)
  const name = chosen !== null && measured.includes(chosen) ? chosen : measured[0]
  const shown = useMemo(
    () => (curve.data && name ? seriesOf(curve.data, `metric.${name}`) : undefined),
    [curve.data, name],
  )
  const data = useMemo<uPlot.AlignedData>(() => [shown?.x ?? [], shown?.mean ?? [], shown?.floor ?? []], [shown])
  const build = useCallback((palette: Palette) => metricOptions(palette), [])
  if (name === undefined || shown === undefined) return null
  const at = hovered ?? shown.x.length - 1
  const step = shown.x[at]

  return (
    <Section
      title="Quality"
      aside={
        <Select
          size="xs"
          aria-label="Metric"
          data={measured.map((value) => ({ value, label: words(value) }))}
          value={name}
          onChange={(value) => setChosen(value as MetricName | null)}
          allowDeselect={false}
        />
      }
    >
      <div className={styles['body']}>
        <Readout
          readings={[
            { name: 'step', value: step === undefined ? nothing : count(step) },
            {
              name: words(name),
              value: exactly(shown.mean[at]),
              colour: 'var(--estimate)',
              hint: metricCatalogue[name].says,
            },
            {
              name: 'floor',
              value: exactly(shown.floor?.[at]),
              colour: 'var(--faded)',
              hint: 'the same of other real images',
            },
          ]}
        />
        <Plot
          build={build}
          data={data}
          range={range}
          lastStep={Math.max(job.progress?.step ?? 0, shown.x.at(-1) ?? 0)}
          height={170}
          label={`${words(name)} of checkpoints by generator step`}
          onHover={setHovered}
          onZoom={setRange}
          onReset={() => setRange(null)}
        />
        <p className={styles['note']}>
          {metricCatalogue[name].says}. {aims[metricCatalogue[name].goal]} Dashed: the floor, what other real images
          get.
        </p>
      </div>
    </Section>
  )
}

const aims = {
  min: 'Lower is better.',
  max: 'Higher is better.',
  floor: 'Best at the floor.',
} as const
