import type { CurveMark, CurveReply, CurveSeries } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { isRecovery } from '../diagnostics/watched.js'
import { count, exactly, figure, nothing } from '../format.js'
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
  lastStep: number
  onZoom: (range: StepRange | null) => void
}

interface EstimateChartProps extends ChartProps {
  logarithmic: boolean
  chosenStep: number | null
}

/** The Wasserstein estimate: extremes of each bucket as a band, the median filter of the raw points as the line. */
export function EstimateChart({ curve, range, lastStep, onZoom, logarithmic, chosenStep }: EstimateChartProps) {
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
        lastStep={lastStep}
        height={300}
        label="Wasserstein estimate by generator step"
        drawOver={drawOver}
        onHover={setHovered}
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
      <MarkNotes curve={curve} hovered={hovered} />
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

const told: Partial<Record<CurveMark['type'], string>> = { alert: '▼', health: '▼', remedy: '◆' }

/** What alert rules and critic health found, and remedies did, in the bucket under the cursor; without a cursor, all of it. */
function MarkNotes({ curve, hovered }: { curve: CurveReply; hovered: number | null }) {
  const start = hovered === null ? undefined : seriesOf(curve, 'w_estimate').x[hovered]
  const isShown = (step: number) => start === undefined || (step >= start && step < start + curve.resolution)
  const notes = curve.marks.filter(({ type, step }) => type in told && isShown(step))
  if (notes.length === 0) return null
  return (
    <ul className={styles['marks']} aria-label="What happened">
      {notes.map((mark) => (
        <li key={`${mark.type} ${mark.step} ${mark.message}`}>
          <span className={styles[isRecovery(mark) ? 'recovery' : mark.type]} aria-hidden>
            {told[mark.type]}
          </span>{' '}
          step {count(mark.step)}: {mark.type === 'health' && 'the critic is '}
          {mark.message}
        </li>
      ))}
    </ul>
  )
}

function readings(curve: CurveReply, index: number): Reading[] {
  const series = seriesOf(curve, 'w_estimate')
  const n = series.n[index] ?? 0
  const bad = series.bad[index] ?? 0
  const step: Reading = { name: 'step', value: bucketName(curve, series, index) }
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
  return [
    step,
    median,
    { name: 'lowest', value: exactly(series.min[index]), colour: 'var(--estimate-band)' },
    { name: 'highest', value: exactly(series.max[index]), colour: 'var(--estimate-band)' },
    { name: 'mean', value: exactly(series.mean[index]) },
    { name: 'points', value: count(n) },
    ...notFinite,
  ]
}

/** The steps of a bucket. The newest one is not full yet, so its end follows from the points in it. */
export function bucketName({ resolution }: CurveReply, { x, n, bad }: CurveSeries, index: number): string {
  const start = x[index]
  if (start === undefined) return nothing
  const isNewest = index === x.length - 1
  const end = start + (isNewest ? (n[index] ?? 0) + (bad[index] ?? 0) : resolution) - 1
  const first = Math.max(1, start)
  return end <= first ? count(first) : `${count(first)} – ${count(end)}`
}
