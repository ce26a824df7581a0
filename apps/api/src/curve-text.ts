import type { CurveReply, CurveSeries } from '@kantor/contracts'

const columns = ['last', 'min', 'max', 'mean', 'n', 'bad', 'nan', 'posInf', 'negInf', 'smooth', 'at', 'floor'] as const
type Cell = string | number | null
type Line = Record<'series' | 'attempt' | 'x' | (typeof columns)[number], Cell>

/** One line per bucket and series; `attempt` is empty for the curve itself. NaN, Infinity and -Infinity stand by name, as in JSON. */
export function* linesOf({ series, superseded = [] }: CurveReply): Generator<Line> {
  for (const part of [{ attempt: null, series }, ...superseded]) {
    for (const [name, found] of Object.entries(part.series)) yield* linesOfSeries(name, part.attempt, found)
  }
}

function* linesOfSeries(series: string, attempt: number | null, found: CurveSeries): Generator<Line> {
  const kinds = new Map(found.nonFinite?.map((kind) => [kind.x, kind]))
  for (const [i, x] of found.x.entries()) {
    const { nan = 0, posInf = 0, negInf = 0 } = kinds.get(x) ?? {}
    yield {
      series,
      attempt,
      x,
      last: found.last[i] ?? null,
      min: found.min[i] ?? null,
      max: found.max[i] ?? null,
      mean: found.mean[i] ?? null,
      n: found.n[i]!,
      bad: found.bad[i]!,
      nan,
      posInf,
      negInf,
      smooth: found.smooth?.[i] ?? null,
      at: found.at?.[i] ?? null,
      floor: found.floor?.[i] ?? null,
    }
  }
}

const header = ['series', 'attempt', 'x', ...columns] as const

/** RFC 4180, with a header; no cell needs quotes. */
export function toCsv(curve: CurveReply): string {
  const rows = Array.from(linesOf(curve), (line) => header.map((name) => line[name] ?? '').join(','))
  return `${[header.join(','), ...rows].join('\r\n')}\r\n`
}

export const toNdjson = (curve: CurveReply): string =>
  Array.from(linesOf(curve), (line) => `${JSON.stringify(line)}\n`).join('')
