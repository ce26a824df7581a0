import { type CurveReply, type DiagnosticName, diagnosticCatalogue, type Job } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { diagnosticOptions } from '../curve/chart-options.js'
import { badSteps, seriesOf, totalBad } from '../curve/columns.js'
import type { Palette } from '../curve/palette.js'
import { Plot, type StepRange } from '../curve/plot.js'
import { count, figure, words } from '../format.js'
import styles from './diagnostics.module.css'
import { drawLimits } from './draw-limits.js'
import { limitHint, limitWords, signalOf, watched } from './watched.js'

interface DiagnosticChartProps {
  job: Job
  curve: CurveReply
  name: DiagnosticName
  range: StepRange
  lastStep: number
  onZoom: (range: StepRange | null) => void
}

/** One series: its meaning, its buckets' means within their extremes, the limits that rules set it, and where these were broken. */
export function DiagnosticChart({ job, curve, name, range, lastStep, onZoom }: DiagnosticChartProps) {
  const [hovered, setHovered] = useState<number | null>(null)
  const series = seriesOf(curve, name)
  const rules = useMemo(() => watched(name, job.spec.objective), [name, job.spec.objective])
  const fired = useMemo(() => curve.marks.filter((mark) => signalOf(mark) === name), [curve.marks, name])
  const data = useMemo<uPlot.AlignedData>(() => [series.x, series.max, series.min, series.mean], [series])
  const build = useCallback(
    (palette: Palette) =>
      diagnosticOptions(
        palette,
        rules.limits.map(({ value }) => value),
      ),
    [rules],
  )
  const drawOver = useCallback(
    (plot: uPlot, palette: Palette) => drawLimits(plot, palette, { ...rules, fired, bad: badSteps(series) }),
    [rules, fired, series],
  )
  const at = hovered ?? series.x.length - 1
  const { health } = job
  const isBroken = [...rules.limits.map(({ rule }) => rule), ...rules.others].some(
    ({ state, reason }) => health?.state === state && health.reason === reason,
  )
  const bad = totalBad(series)

  return (
    <figure className={styles['chart']} data-broken={isBroken} aria-label={words(name)}>
      <figcaption className={styles['head']}>
        <span className={styles['name']}>{words(name)}</span>
        <span className={styles['value']}>
          {hovered !== null && <span className="faded">step {count(series.x[at])} </span>}
          {figure(series.mean[at])}
        </span>
      </figcaption>
      <p className={styles['meaning']}>{diagnosticCatalogue[name]}</p>
      <Plot
        build={build}
        data={data}
        range={range}
        lastStep={lastStep}
        height={92}
        label={`${words(name)} by generator step`}
        drawOver={drawOver}
        onHover={setHovered}
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
      <ul className={styles['notes']}>
        {rules.limits.map((limit) => (
          <li key={limit.rule.reason} title={limitHint(limit.rule)}>
            <span className={styles['limit']}>┄</span> {limitWords(limit)}
          </li>
        ))}
        {rules.others.map((rule) => (
          <li key={rule.reason} title={limitHint(rule)}>
            {rule.state} when {rule.reason}
          </li>
        ))}
        {fired.map(({ step, type, message }) => (
          <li key={`${type} ${step} ${message}`} className={styles['fired']} title={message}>
            {type === 'remedy' ? '◆' : '▼'} step {count(step)}: {type === 'remedy' ? message : message?.split(':')[0]}
          </li>
        ))}
        {bad > 0 && <li className={styles['bad']}>✕ {count(bad)} values were not finite</li>}
      </ul>
    </figure>
  )
}
