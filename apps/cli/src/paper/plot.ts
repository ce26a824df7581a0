// Pictures of experiments: SVG without a library, small enough to keep beside the text.

interface Line {
  name: string
  points: (readonly [number, number] | number[])[]
  dashed?: boolean
}

export interface LinePlot {
  title: string
  x: string
  y: string
  lines: Line[]
}

const WIDTH = 720
const HEIGHT = 360
const LEFT = 64
const RIGHT = 190
const TOP = 36
const BOTTOM = 44
const MAX_POINTS = 240
const TICKS = 5
const colours = ['#2f6fb0', '#d64541', '#3a8f5a', '#b07a2f', '#7a52a8', '#4a4f57', '#1d9aa8', '#c0568f']

const colourOf = (i: number) => colours[i % colours.length] as string
export const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const place = (value: number) => value.toFixed(1)
/** What is less than a thousandth of its axis is nothing on it. */
const tick = (value: number, { low, high }: Extent) =>
  Math.abs(value) < (high - low) / 1000 ? '0' : String(Number(value.toPrecision(3)))

/** Curves with a legend. Points that are no numbers are left out; long curves are thinned. */
export function linePlot({ title, x, y, lines }: LinePlot): string {
  const thinned = lines.map((line) => ({
    ...line,
    points: thin(line.points.filter((point) => point.every(Number.isFinite))),
  }))
  const all = thinned.flatMap(({ points }) => points)
  const [xs, ys] = [extent(all.map(([at]) => at as number)), extent(all.map(([, at]) => at as number))]
  const across = (value: number) => LEFT + ((value - xs.low) / (xs.high - xs.low)) * (WIDTH - LEFT - RIGHT)
  const down = (value: number) => HEIGHT - BOTTOM - ((value - ys.low) / (ys.high - ys.low)) * (HEIGHT - TOP - BOTTOM)
  const grid = ticksOf(ys).map(
    (value) =>
      `<path d="M${LEFT} ${place(down(value))}H${WIDTH - RIGHT}" stroke="#e3e5e8"/>` +
      `<text x="${LEFT - 8}" y="${place(down(value) + 4)}" text-anchor="end">${tick(value, ys)}</text>`,
  )
  const below = ticksOf(xs).map(
    (value) =>
      `<text x="${place(across(value))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tick(value, xs)}</text>`,
  )
  const drawn = thinned.map(({ name, points, dashed }, i) => {
    const path = points
      .map(([px, py], k) => `${k === 0 ? 'M' : 'L'}${place(across(px as number))} ${place(down(py as number))}`)
      .join('')
    const dash = dashed ? ' stroke-dasharray="5 4"' : ''
    const height = TOP + 10 + 18 * i
    return (
      `<path d="${path}" fill="none" stroke="${colourOf(i)}" stroke-width="1.6"${dash}/>` +
      `<path d="M${WIDTH - RIGHT + 12} ${height}h18" stroke="${colourOf(i)}" stroke-width="2"${dash}/>` +
      `<text x="${WIDTH - RIGHT + 36}" y="${height + 4}">${escaped(name)}</text>`
    )
  })
  const axes = [
    `<text x="${LEFT}" y="20" font-size="14">${escaped(title)}</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
  ]
  return svg(WIDTH, HEIGHT, [...axes, ...grid, ...below, ...drawn])
}

export interface Scatter {
  title: string
  /** x and y in turn. */
  points: ArrayLike<number>
  /** Where the modes of the real law are. */
  centres?: readonly (readonly number[])[]
}

const PANEL = 260
const SHOWN = 600
const ROOM = 2

/** Point clouds side by side, each over the window [−2, 2]², which holds every law of the lab. */
export function scatterPlot(panels: readonly Scatter[]): string {
  const parts = panels.flatMap(({ title, points, centres = [] }, k) => {
    const left = k * (PANEL + 16) + 8
    const at = (x: number, y: number) =>
      [left + (PANEL * (x + ROOM)) / (2 * ROOM), 30 + (PANEL * (ROOM - y)) / (2 * ROOM)] as const
    const rings = centres.map(([x = 0, y = 0]) => {
      const [cx, cy] = at(x, y)
      return `<circle cx="${place(cx)}" cy="${place(cy)}" r="5" fill="none" stroke="#9aa1ab"/>`
    })
    let dots = ''
    for (let i = 0; i < Math.min(points.length, 2 * SHOWN); i += 2) {
      const [x, y] = [points[i] as number, points[i + 1] as number]
      if (Math.abs(x) > ROOM || Math.abs(y) > ROOM || Number.isNaN(x + y)) continue
      const [px, py] = at(x, y)
      dots += `M${place(px)} ${place(py)}h0`
    }
    return [
      `<text x="${left}" y="20" font-size="14">${escaped(title)}</text>`,
      `<rect x="${left}" y="30" width="${PANEL}" height="${PANEL}" fill="none" stroke="#e3e5e8"/>`,
      ...rings,
      `<path d="${dots}" stroke="#d64541" stroke-width="2.4" stroke-linecap="round" fill="none"/>`,
    ]
  })
  return svg(panels.length * (PANEL + 16), PANEL + 38, parts)
}

export const svg = (width: number, height: number, parts: string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" font-family="sans-serif" font-size="11" fill="#33373d">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')

const thin = <T>(points: T[]): T[] => {
  const every = Math.ceil(points.length / MAX_POINTS)
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

interface Extent {
  low: number
  high: number
}

function extent(values: number[]): Extent {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return high > low ? { low, high } : { low: low - 1, high: high + 1 }
}

const ticksOf = ({ low, high }: Extent) =>
  Array.from({ length: TICKS }, (_, i) => low + ((high - low) * i) / (TICKS - 1))
