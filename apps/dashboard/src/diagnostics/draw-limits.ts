import type { CurveMark } from '@kantor/contracts'
import type uPlot from 'uplot'
import { cross, diamond, triangle } from '../curve/draw-marks.js'
import type { Palette } from '../curve/palette.js'
import type { Limit } from './watched.js'

interface Drawn {
  limits: readonly Limit[]
  /** Where a rule of this series fired, and where a remedy acted on it. */
  fired: readonly CurveMark[]
  /** Steps of buckets that hold values that are not finite. */
  bad: readonly number[]
}

/** Dashed lines at limits, an arrow at the edge towards one that the axis does not reach, and what happened by step. */
export function drawLimits(plot: uPlot, palette: Palette, { limits, fired, bad }: Drawn): void {
  const { ctx, bbox } = plot
  const dpr = devicePixelRatio
  const [left, right] = [bbox.left, bbox.left + bbox.width]
  const [top, bottom] = [bbox.top, bbox.top + bbox.height]
  ctx.save()
  ctx.lineWidth = dpr
  ctx.strokeStyle = palette.warn
  ctx.fillStyle = palette.warn
  for (const { value } of limits) {
    const y = Math.round(plot.valToPos(value, 'y', true))
    const edge = Math.min(bottom, Math.max(top, y))
    ctx.setLineDash([4 * dpr, 3 * dpr])
    ctx.beginPath()
    ctx.moveTo(left, edge + 0.5)
    ctx.lineTo(right, edge + 0.5)
    ctx.stroke()
    ctx.setLineDash([])
    if (y < top) triangle(ctx, right - 6 * dpr, top + 9 * dpr, 3 * dpr)
    if (y > bottom) triangle(ctx, right - 6 * dpr, bottom - 9 * dpr, -3 * dpr)
  }
  const { min = 0, max = 0 } = plot.scales['x'] as { min?: number; max?: number }
  const shown = (step: number) => step >= min && step <= max
  const at = (step: number) => Math.round(plot.valToPos(step, 'x', true))
  for (const { step, type } of fired) {
    if (!shown(step)) continue
    ctx.setLineDash([2 * dpr, 2 * dpr])
    ctx.beginPath()
    ctx.moveTo(at(step) + 0.5, top)
    ctx.lineTo(at(step) + 0.5, bottom)
    ctx.stroke()
    ctx.setLineDash([])
    if (type === 'remedy') diamond(ctx, at(step), top + 4 * dpr, 4 * dpr)
    else triangle(ctx, at(step), top, -4 * dpr)
  }
  ctx.strokeStyle = palette.bad
  ctx.lineWidth = 1.5 * dpr
  for (const step of bad) if (shown(step)) cross(ctx, at(step), top + 5 * dpr, 3 * dpr)
  ctx.restore()
}
