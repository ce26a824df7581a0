import type { CurveReply } from '@kantor/contracts'
import { buffer } from 'node:stream/consumers'
import { linesOf } from './curve-text.js'
import { type ParquetColumn, toParquet } from './parquet.js'

const whole = ['n', 'bad', 'nan', 'posInf', 'negInf'] as const
const real = ['min', 'max', 'mean', 'smooth', 'at'] as const
const columns: ParquetColumn[] = [
  { name: 'series', type: 'STRING' },
  { name: 'attempt', type: 'INT32' },
  { name: 'x', type: 'INT32' },
  { name: 'last', type: 'FLOAT' },
  ...real.map((name) => ({ name, type: 'DOUBLE' as const })),
  ...whole.map((name) => ({ name, type: 'INT32' as const })),
]

/** The same rows as CSV, typed: NaN and the infinities are themselves, null is what a bucket does not have. */
export async function toCurveParquet(curve: CurveReply): Promise<Buffer> {
  const rows = Array.from(linesOf(curve), (line) => [
    line.series,
    line.attempt,
    line.x,
    // By name where it is not finite.
    line.last === null ? null : Number(line.last),
    ...real.map((name) => line[name]),
    ...whole.map((name) => line[name]),
  ])
  return buffer(toParquet(columns, [rows]))
}
