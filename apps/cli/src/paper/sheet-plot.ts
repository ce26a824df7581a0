import { escaped, svg } from './plot.js'

export interface Picture {
  png: Uint8Array
  /** Pixels. */
  width: number
  height: number
}

export interface Sheet extends Picture {
  title: string
}

const SCALE = 2
const HEADING = 30

/** Sample sheets one below the other, as the paper's Figs. 5 to 7 show them. */
export function sheetPlot(sheets: readonly Sheet[]): string {
  let top = 0
  const parts = sheets.flatMap(({ title, png, width, height }) => {
    const from = top + HEADING
    top = from + SCALE * height
    const data = Buffer.from(png).toString('base64')
    return [
      `<text x="0" y="${from - 10}" font-size="14">${escaped(title)}</text>`,
      `<image y="${from}" width="${SCALE * width}" height="${SCALE * height}" style="image-rendering: pixelated" href="data:image/png;base64,${data}"/>`,
    ]
  })
  return svg(SCALE * Math.max(...sheets.map(({ width }) => width)), top, parts)
}
