import type { CurveMark } from '@kantor/contracts'
import type uPlot from 'uplot'
import { isRecovery } from '../diagnostics/watched.js'
import { axisFont, type Palette } from './palette.js'

export interface Overlay {
  marks: readonly CurveMark[]
  /** Steps of buckets that hold non-finite points. */
  bad: readonly number[]
  /** The step of the sample that is being looked at. */
  chosenStep: number | null
}

interface Flag {
  colour: keyof Palette
  dash: readonly [number, number]
  head: 'triangle' | 'diamond' | 'none'
  label?: string
}

/** Marks that are a line through the chart, by their type. */
const flags: Partial<Record<CurveMark['type'], Flag>> = {
  alert: { colour: 'bad', dash: [2, 2], head: 'triangle' },
  health: { colour: 'warn', dash: [2, 2], head: 'triangle' },
  remedy: { colour: 'warn', dash: [2, 2], head: 'diamond' },
  rollback: { colour: 'warn', dash: [4, 3], head: 'none', label: 'resumed' },
}

/** Ticks under the curve for checkpoints, dashed lines for rollbacks, alerts and critic health, crosses at the top where points were not finite. */
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
  for (const mark of marks) {
    const { step, type } = mark
    if (!shown(step)) continue
    if (type === 'checkpoint') {
      ctx.fillStyle = palette.good
      triangle(ctx, at(step), bottom, 4 * dpr)
    }
    const flag = flags[type]
    if (flag) raise(plot, palette, { ...flag, ...(isRecovery(mark) && { colour: 'good' }), x: at(step) })
  }
  ctx.strokeStyle = palette.bad
  ctx.lineWidth = 1.5 * dpr
  for (const step of bad) if (shown(step)) cross(ctx, at(step), bbox.top + 6 * dpr, 3 * dpr)
  ctx.restore()
}

function raise({ ctx, bbox }: uPlot, palette: Palette, { colour, dash, head, label, x }: Flag & { x: number }): void {
  const dpr = devicePixelRatio
  ctx.strokeStyle = palette[colour]
  ctx.fillStyle = palette[colour]
  ctx.setLineDash(dash.map((length) => length * dpr))
  line(ctx, x, bbox.top, bbox.top + bbox.height)
  ctx.setLineDash([])
  if (head === 'triangle') triangle(ctx, x, bbox.top, -5 * dpr)
  if (head === 'diamond') diamond(ctx, x, bbox.top + 5 * dpr, 5 * dpr)
  if (label === undefined) return
  ctx.font = axisFont.replace('11px', `${10 * dpr}px`)
  ctx.textAlign = 'left'
  ctx.textBaseline = 'top'
  ctx.fillText(label, x + 4 * dpr, bbox.top + 14 * dpr)
}

function line(ctx: CanvasRenderingContext2D, x: number, top: number, bottom: number): void {
  ctx.beginPath()
  ctx.moveTo(x + 0.5, top)
  ctx.lineTo(x + 0.5, bottom)
  ctx.stroke()
}

/** It stands on `base` and points up, or down from it with a size below 0. */
export function triangle(ctx: CanvasRenderingContext2D, x: number, base: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x - size, base)
  ctx.lineTo(x + size, base)
  ctx.lineTo(x, base - 1.6 * size)
  ctx.fill()
}

export function diamond(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x, y - size)
  ctx.lineTo(x + size, y)
  ctx.lineTo(x, y + size)
  ctx.lineTo(x - size, y)
  ctx.fill()
}

export function cross(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x - size, y - size)
  ctx.lineTo(x + size, y + size)
  ctx.moveTo(x - size, y + size)
  ctx.lineTo(x + size, y - size)
  ctx.stroke()
}
