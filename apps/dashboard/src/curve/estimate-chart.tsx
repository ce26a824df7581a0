import type { CurveReply } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { count, exactly, figure } from '../format.js'
import { estimateOptions } from './chart-options.js'
import { badSteps, estimateColumns, seriesOf, totalBad } from './columns.js'
import styles from './curve.module.css'
import { drawMarks } from './draw-marks.js'
import type { Palette } from './palette.js'
import { Plot, type StepRange } from './plot.js'
import { type Reading, Readout } from './readout.js'

export interface ChartProps {
  curve: CurveReply
  range: StepRange | null
  onZoom: (range: StepRange | null) => void
}

interface EstimateChartProps extends ChartProps {
  logarithmic: boolean
  chosenStep: number | null
}

/** The Wasserstein estimate: extremes of each bucket as a band, the median filter of the raw points as the line. */
export function EstimateChart({ curve, range, onZoom, logarithmic, chosenStep }: EstimateChartProps) {
  const [hovered, setHovered] = useState<number | null>(null)
  const series = seriesOf(curve, 'w_estimate')
  const columns = useMemo(() => estimateColumns(series, logarithmic), [series, logarithmic])
  const data = useMemo<uPlot.AlignedData>(() => [columns.x, columns.max, columns.min, columns.median], [columns])
  const build = useCallback((palette: Palette) => estimateOptions(palette, logarithmic), [logarithmic])
  const drawOver = useCallback(
    (plot: uPlot, palette: Palette) =>
      drawMarks(plot, palette, { marks: curve.marks, bad: badSteps(series), chosenStep }),
    [curve.marks, series, chosenStep],
  )
  const bad = totalBad(series)

  return (
    <>
      <Readout readings={readings(curve, hovered ?? series.x.length - 1)} />
      <Plot
        build={build}
        data={data}
        range={range}
        height={300}
        label="Wasserstein estimate by generator step"
        drawOver={drawOver}
        onHover={setHovered}
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
      {(bad > 0 || columns.clipped > 0) && (
        <p className={styles['warning']}>
          {bad > 0 && <span>✕ {count(bad)} points were not finite. </span>}
          {columns.clipped > 0 && (
            <span>
              {count(columns.clipped)} buckets reach zero or below; a logarithmic axis draws them at its foot.
            </span>
          )}
        </p>
      )}
    </>
  )
}

function readings(curve: CurveReply, index: number): Reading[] {
  const series = seriesOf(curve, 'w_estimate')
  const start = series.x[index]
  const n = series.n[index] ?? 0
  const bad = series.bad[index] ?? 0
  const step: Reading = { name: 'step', value: start === undefined ? '–' : bucketName(start, curve.resolution) }
  const median: Reading = {
    name: 'median of 101',
    value: figure(series.smooth?.[index], 6),
    colour: 'var(--estimate)',
    hint: 'Median of the 101 raw points around the bucket’s last one',
  }
  const notFinite: Reading[] =
    bad > 0 ? [{ name: 'not finite', value: <b className={styles['bad']}>{count(bad)}</b> }] : []
  if (curve.resolution === 1 && n <= 1) {
    const last = series.last[index]
    const value = typeof last === 'string' ? last : exactly(last)
    return [step, median, { name: 'estimate', value, colour: 'var(--estimate-band)' }, ...notFinite]
  }
  const between = `${exactly(series.min[index])} … ${exactly(series.max[index])}`
  return [
    step,
    median,
    { name: 'lowest … highest', value: between, colour: 'var(--estimate-band)' },
    { name: 'mean', value: exactly(series.mean[index]) },
    { name: 'points', value: count(n) },
    ...notFinite,
  ]
}

export const bucketName = (start: number, resolution: number): string =>
  resolution === 1 ? count(start) : `${count(start)} – ${count(start + resolution - 1)}`
