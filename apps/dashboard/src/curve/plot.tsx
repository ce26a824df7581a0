import { useComputedColorScheme } from '@mantine/core'
import { type KeyboardEvent, useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { type Palette, readPalette } from './palette.js'
import styles from './plot.module.css'

export interface StepRange {
  from: number
  to: number
}

export interface PlotProps {
  /** Makes the chart's options. The chart is built anew when this function changes, so keep it stable. */
  build: (palette: Palette) => Omit<uPlot.Options, 'width' | 'height'>
  data: uPlot.AlignedData
  /** What the x axis shows; null: all there is. */
  range: StepRange | null
  /** The newest step there is, shown or not. */
  lastStep: number
  height: number
  /** What a screen reader says of the picture. */
  label: string
  /** Drawn over the curves, in canvas pixels. */
  drawOver?: (plot: uPlot, palette: Palette) => void
  onHover: (index: number | null) => void
  onZoom: (range: StepRange) => void
  onReset: () => void
}

const smallestDrag = 6

/** A uPlot chart that zooms by asking for other data: drag selects, double click shows all, arrow keys move the cursor. */
export function Plot(props: PlotProps) {
  const { build, data, range, height, label, drawOver } = props
  const scheme = useComputedColorScheme('light')
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  // The chart outlives many renders and must always see the newest props.
  const newest = useRef(props)
  newest.current = props

  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const palette = readPalette()
    const created = new uPlot(
      complete(build(palette), newest, palette, { width: element.clientWidth, height }),
      newest.current.data,
      element,
    )
    plot.current = created
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0)
      if (width > 0 && width !== created.width) created.setSize({ width, height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      created.destroy()
      plot.current = null
    }
  }, [build, height, scheme])

  useEffect(() => plot.current?.setData(data), [data, range])
  useEffect(() => plot.current?.redraw(false), [drawOver])

  return (
    <div
      ref={frame}
      className={styles['plot']}
      style={{ height }}
      role="application"
      aria-roledescription="chart"
      aria-label={`${label}. Arrow keys read values, plus and minus zoom, Escape shows all.`}
      tabIndex={0}
      onKeyDown={(event) => plot.current && steer(event, plot.current, newest.current)}
    />
  )
}

function complete(
  options: Omit<uPlot.Options, 'width' | 'height'>,
  newest: { current: PlotProps },
  palette: Palette,
  size: { width: number; height: number },
): uPlot.Options {
  return {
    ...options,
    ...size,
    legend: { show: false },
    cursor: {
      ...options.cursor,
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      bind: {
        dblclick: () => () => {
          newest.current.onReset()
          return null
        },
      },
    },
    scales: {
      ...options.scales,
      x: {
        time: false,
        range: (_, min, max) => {
          const { range } = newest.current
          if (range !== null) return [range.from, Math.max(range.to, range.from + 1)]
          return max > min ? [min, max] : [min - 1, max + 1]
        },
      },
    },
    hooks: {
      setCursor: [(u) => newest.current.onHover(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width } = u.select
          if (width < smallestDrag) return
          const from = Math.max(0, Math.round(u.posToVal(left, 'x')))
          const to = Math.round(u.posToVal(left + width, 'x'))
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          newest.current.onZoom({ from, to: Math.max(to, from + 1) })
        },
      ],
      draw: [(u) => newest.current.drawOver?.(u, palette)],
    },
  }
}

function steer(event: KeyboardEvent, plot: uPlot, { onReset, onZoom, lastStep }: PlotProps): void {
  const steps = plot.data[0]
  const at = plot.cursor.idx ?? steps.length - 1
  const stride = event.shiftKey ? 10 : 1
  const goals: Record<string, number> = {
    ArrowLeft: at - stride,
    ArrowRight: at + stride,
    Home: 0,
    End: steps.length - 1,
  }
  const goal = goals[event.key]
  if (goal !== undefined) {
    const step = steps[Math.min(steps.length - 1, Math.max(0, goal))]
    if (step !== undefined) plot.setCursor({ left: plot.valToPos(step, 'x'), top: plot.over.clientHeight / 2 })
  } else if (event.key === 'Escape') {
    plot.setCursor({ left: -10, top: -10 })
    onReset()
  } else if (event.key === '+' || event.key === '-') {
    const next = scaled(plot, steps[at], event.key === '+' ? 0.5 : 2, lastStep)
    if (next.from === 0 && next.to >= lastStep) onReset()
    else onZoom(next)
  } else return
  event.preventDefault()
}

/** The range shown, made narrower or wider around a step, inside the steps that there are. */
function scaled(plot: uPlot, centre: number | undefined, factor: number, lastStep: number): StepRange {
  const { min = 0, max = 1 } = plot.scales['x'] as { min?: number; max?: number }
  const width = Math.max(2, Math.round((max - min) * factor))
  const middle = centre ?? (min + max) / 2
  const from = Math.max(0, Math.min(Math.round(middle - width / 2), lastStep - width))
  return { from, to: Math.min(from + width, Math.max(lastStep, from + 2)) }
}
