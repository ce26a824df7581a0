import uPlot from 'uplot'
import { axisRange } from '../diagnostics/watched.js'
import { count, figure } from '../format.js'
import { axisFont, type Palette } from './palette.js'

type ChartOptions = Omit<uPlot.Options, 'width' | 'height'>

/** Both charts share one cursor. */
const cursorKey = 'curve'

const axes = (palette: Palette): uPlot.Axis[] => [
  {
    stroke: palette.faded,
    font: axisFont,
    size: 28,
    gap: 4,
    grid: { show: false },
    ticks: { stroke: palette.hairline, width: 1, size: 4 },
    border: { show: true, stroke: palette.hairline, width: 1 },
    values: (_, splits) => splits.map((step) => (Number.isInteger(step) ? count(step) : '')),
  },
  {
    stroke: palette.faded,
    font: axisFont,
    size: 58,
    gap: 4,
    grid: { stroke: palette.hairline, width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map(axisLabel),
  },
]

/** Null stands for a split that a logarithmic axis leaves without a label. */
function axisLabel(value: number | null): string {
  if (value === null) return ''
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return figure(value, 2)
  return String(Number(value.toPrecision(4))).replace('-', '−')
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** For axes with room for five characters: `20K`, `5e−4`. */
function shortLabel(value: number | null): string {
  if (value === null) return ''
  const small = value !== 0 && Math.abs(value) < 1e-3
  return (small ? Number(value.toPrecision(2)).toExponential() : compact.format(value)).replaceAll('-', '−')
}

const shared = (palette: Palette, y: uPlot.Scale): ChartOptions => ({
  axes: axes(palette),
  scales: { y },
  padding: [10, 24, 0, 0],
  cursor: { sync: { key: cursorKey, setSeries: false } },
  series: [],
})

const fewPoints = (plot: uPlot) => plot.data[0].length <= 2

/** Columns: step, maximum, minimum, median. */
export function estimateOptions(palette: Palette, logarithmic: boolean): ChartOptions {
  const edge: uPlot.Series = { stroke: palette['estimate-band'], width: 1, points: { show: fewPoints } }
  return {
    ...shared(palette, logarithmic ? logScale : {}),
    series: [{}, edge, edge, { stroke: palette.estimate, width: 2, points: { show: false } }],
    bands: [{ series: [1, 2], fill: palette['estimate-band'] }],
  }
}

/** Columns: step, then one per colour. */
export function lineOptions(palette: Palette, colours: readonly (keyof Palette)[]): ChartOptions {
  const lines = colours.map((colour): uPlot.Series => ({
    stroke: palette[colour],
    width: 1.25,
    points: { show: fewPoints },
  }))
  return { ...shared(palette, {}), series: [{}, ...lines] }
}

/** Columns: step, then one per trial. The best line stands out. */
export function overlayOptions(palette: Palette, numLines: number, best: number): ChartOptions {
  const quiet: uPlot.Series = { stroke: palette['estimate-band'], width: 1.5, points: { show: fewPoints } }
  const lines = Array.from({ length: numLines }, (_, index) =>
    index === best ? { ...quiet, stroke: palette.estimate, width: 2.25 } : quiet,
  )
  return { ...shared(palette, {}), series: [{}, ...lines] }
}

/** Columns: step, maximum, minimum, mean. Small: few labels, and an axis that reaches to limits nearby. */
export function diagnosticOptions(palette: Palette, limits: readonly number[]): ChartOptions {
  const edge: uPlot.Series = { stroke: palette['estimate-band'], width: 1, points: { show: fewPoints } }
  const range = (_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax =>
    min === null || max === null ? [0, 1] : axisRange(min, max, limits)
  const [x, y] = axes(palette)
  return {
    ...shared(palette, { range }),
    axes: [
      { ...x, size: 20, gap: 2, space: 60, values: (_, splits) => splits.map(shortLabel) },
      { ...y, size: 50, space: 26, values: (_, splits) => splits.map(shortLabel) },
    ],
    padding: [6, 14, 0, 0],
    series: [{}, edge, edge, { stroke: palette.estimate, width: 1.5, points: { show: fewPoints } }],
    bands: [{ series: [1, 2], fill: palette['estimate-band'] }],
  }
}

/** Columns: step, a metric of checkpoints, its floor. */
export function metricOptions(palette: Palette): ChartOptions {
  return {
    ...shared(palette, {}),
    series: [
      {},
      { stroke: palette.estimate, width: 2, points: { show: true, size: 5 } },
      { stroke: palette.faded, width: 1.25, dash: [5, 5], points: { show: fewPoints } },
    ],
  }
}

// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- an ambient const enum, which isolated modules cannot read
const logScale: uPlot.Scale = { distr: 3, log: 10, range: logRange }

/** uPlot's own range goes to whole decades, which would flatten a curve that lives inside one. */
function logRange(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [0.1, 1]
  return [min * 0.8, max * 1.25]
}
