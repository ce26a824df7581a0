import type { CurveItem, Trial } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { overlayOptions } from '../curve/chart-options.js'
import type { Palette } from '../curve/palette.js'
import { Plot, type StepRange } from '../curve/plot.js'
import { type Reading, Readout } from '../curve/readout.js'
import { count, figure } from '../format.js'

interface OverlayChartProps {
  curves: CurveItem[]
  /** Best first. */
  trials: Trial[]
  range: StepRange | null
  lastStep: number
  /** The job whose line is drawn over the others. */
  lifted: string | null
  onZoom: (range: StepRange | null) => void
}

/** A thin line per trial over shared buckets, the best one strong, and one lifted above all. */
export function OverlayChart({ curves, trials, range, lastStep, lifted, onZoom }: OverlayChartProps) {
  const [hovered, setHovered] = useState<number | null>(null)
  const columns = useMemo(() => medianColumns(curves), [curves])
  const numLines = columns.length - 1
  const bestId = trials[0]?.jobId
  const best = curves.findIndex(({ jobId }) => jobId === bestId)
  const raised = curves.findIndex(({ jobId }) => jobId === lifted)
  const build = useCallback((palette: Palette) => overlayOptions(palette, numLines, best), [numLines, best])
  const drawOver = useCallback(
    (plot: uPlot, palette: Palette) => raised >= 0 && drawLine(plot, raised + 1, palette['critic-loss']),
    [raised],
  )
  const at = hovered ?? columns[0].length - 1
  const valueOf = (index: number) => columns[index + 1]?.[at]
  const here = curves.flatMap((_, index) => valueOf(index) ?? [])
  const name = (index: number) => `#${trials.find(({ jobId }) => jobId === curves[index]?.jobId)?.trial ?? '?'}`
  const readings: Reading[] = [
    { name: 'step', value: count(Math.max(1, columns[0][at] ?? 1)) },
    ...(best >= 0 ? [{ name: `best, ${name(best)}`, value: figure(valueOf(best)), colour: 'var(--estimate)' }] : []),
    { name: 'lowest', value: figure(here.length > 0 ? Math.min(...here) : null) },
    { name: 'highest', value: figure(here.length > 0 ? Math.max(...here) : null) },
    {
      name: raised >= 0 ? `trial ${name(raised)}` : 'trial',
      value: figure(raised >= 0 ? valueOf(raised) : null),
      colour: 'var(--critic-loss)',
    },
  ]

  return (
    <>
      <Readout readings={readings} />
      <Plot
        build={build}
        data={columns}
        range={range}
        lastStep={lastStep}
        height={300}
        label="Wasserstein estimates of the trials by generator step"
        drawOver={drawOver}
        onHover={setHovered}
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
    </>
  )
}

/** Steps that any of the curves has, then the running median of each. */
function medianColumns(curves: readonly CurveItem[]): [number[], ...(number | null)[][]] {
  const all = curves.map(({ series }) => series.w_estimate)
  const x = [...new Set(all.flatMap((series) => series?.x ?? []))].sort((a, b) => a - b)
  const lines = all.map((series) => {
    const byStep = new Map(series?.x.map((step, i) => [step, series.smooth?.[i] ?? null]))
    return x.map((step) => byStep.get(step) ?? null)
  })
  return [x, ...lines]
}

function drawLine(plot: uPlot, column: number, colour: string): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.beginPath()
  let open = false
  plot.data[0].forEach((step, i) => {
    const value = plot.data[column]?.[i]
    if (value != null) {
      const [x, y] = [plot.valToPos(step, 'x', true), plot.valToPos(value, 'y', true)]
      if (open) ctx.lineTo(x, y)
      else ctx.moveTo(x, y)
    }
    open = value != null
  })
  ctx.strokeStyle = colour
  ctx.lineWidth = 2.25 * devicePixelRatio
  ctx.lineJoin = 'round'
  ctx.stroke()
  ctx.restore()
}
