import type { CurveMark } from '@kantor/contracts'
import type uPlot from 'uplot'
import { axisFont, type Palette } from './palette.js'

export interface Overlay {
  marks: readonly CurveMark[]
  /** Steps of buckets that hold non-finite points. */
  bad: readonly number[]
  /** The step of the sample that is being looked at. */
  chosenStep: number | null
}

/** Ticks under the curve for checkpoints, dashed lines for rollbacks and alerts, crosses at the top where points were not finite. */
export function drawMarks(plot: uPlot, palette: Palette, { marks, bad, chosenStep }: Overlay): void {
  const { ctx, bbox } = plot
  const dpr = devicePixelRatio
  const { min = 0, max = 0 } = plot.scales['x'] as { min?: number; max?: number }
  const shown = (step: number) => step >= min && step <= max
  const at = (step: number) => Math.round(plot.valToPos(step, 'x', true))
  const bottom = bbox.top + bbox.height

  ctx.save()
  ctx.lineWidth = dpr
  if (chosenStep !== null && shown(chosenStep)) {
    ctx.strokeStyle = palette['critic-loss']
    line(ctx, at(chosenStep), bbox.top, bottom)
  }
  for (const { step, type } of marks) {
    if (!shown(step)) continue
    if (type === 'checkpoint') {
      ctx.fillStyle = palette.good
      triangle(ctx, at(step), bottom, 4 * dpr)
    } else if (type === 'alert') {
      ctx.strokeStyle = palette.bad
      ctx.setLineDash([2 * dpr, 2 * dpr])
      line(ctx, at(step), bbox.top, bottom)
      ctx.setLineDash([])
      ctx.fillStyle = palette.bad
      triangle(ctx, at(step), bbox.top + 8 * dpr, 5 * dpr)
    } else if (type === 'rollback') {
      ctx.strokeStyle = palette.warn
      ctx.setLineDash([4 * dpr, 3 * dpr])
      line(ctx, at(step), bbox.top, bottom)
      ctx.setLineDash([])
      ctx.fillStyle = palette.warn
      ctx.font = axisFont.replace('11px', `${10 * dpr}px`)
      ctx.textAlign = 'left'
      ctx.textBaseline = 'top'
      ctx.fillText('resumed', at(step) + 4 * dpr, bbox.top + 14 * dpr)
    }
  }
  ctx.strokeStyle = palette.bad
  ctx.lineWidth = 1.5 * dpr
  for (const step of bad) if (shown(step)) cross(ctx, at(step), bbox.top + 6 * dpr, 3 * dpr)
  ctx.restore()
}

function line(ctx: CanvasRenderingContext2D, x: number, top: number, bottom: number): void {
  ctx.beginPath()
  ctx.moveTo(x + 0.5, top)
  ctx.lineTo(x + 0.5, bottom)
  ctx.stroke()
}

function triangle(ctx: CanvasRenderingContext2D, x: number, bottom: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x - size, bottom)
  ctx.lineTo(x + size, bottom)
  ctx.lineTo(x, bottom - 1.6 * size)
  ctx.fill()
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x - size, y - size)
  ctx.lineTo(x + size, y + size)
  ctx.moveTo(x - size, y + size)
  ctx.lineTo(x + size, y - size)
  ctx.stroke()
}
