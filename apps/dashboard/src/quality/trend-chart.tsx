import { type CurveReply, type Job, metricCatalogue, type MetricName } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { metricOptions } from '../curve/chart-options.js'
import { seriesOf } from '../curve/columns.js'
import type { Palette } from '../curve/palette.js'
import { Plot, type StepRange } from '../curve/plot.js'
import { Readout } from '../curve/readout.js'
import { count, figure, nothing, words } from '../format.js'

interface TrendChartProps {
  job: Job
  curve: CurveReply
  name: MetricName
  range: StepRange | null
  onZoom: (range: StepRange | null) => void
}

/** One metric of every evaluated checkpoint, with its floor. */
export function TrendChart({ job, curve, name, range, onZoom }: TrendChartProps) {
  const [hovered, setHovered] = useState<number | null>(null)
  const shown = seriesOf(curve, `metric.${name}`)
  const data = useMemo<uPlot.AlignedData>(() => [shown.x, shown.mean, shown.floor ?? []], [shown])
  const build = useCallback((palette: Palette) => metricOptions(palette), [])
  const at = hovered ?? shown.x.length - 1
  const step = shown.x[at]
  return (
    <>
      <Readout
        readings={[
          { name: 'step', value: step === undefined ? nothing : count(step) },
          {
            name: words(name),
            value: figure(shown.mean[at]),
            colour: 'var(--estimate)',
            hint: metricCatalogue[name].says,
          },
          {
            name: 'floor',
            value: figure(shown.floor?.[at]),
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
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
    </>
  )
}
