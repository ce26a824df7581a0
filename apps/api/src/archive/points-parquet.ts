import { seriesNames } from '@kantor/contracts'
import type { StoredPoint } from '@kantor/db'
import { type Cell, type ParquetColumn, toParquet } from '../parquet.js'

const columns: ParquetColumn[] = [
  { name: 'step', type: 'INT32' },
  { name: 'critic_step', type: 'INT64' },
  { name: 'attempt', type: 'INT32' },
  { name: 'time', type: 'TIMESTAMP' },
  ...seriesNames.map((name) => ({ name, type: 'FLOAT' as const })),
]

/** The curve as a table: a row per point, float32 as they were written, null where a series has no point. */
export function toPointsParquet(pages: AsyncIterable<StoredPoint[]>): AsyncGenerator<Uint8Array> {
  return toParquet(columns, rowsOf(pages))
}

async function* rowsOf(pages: AsyncIterable<StoredPoint[]>): AsyncGenerator<Cell[][]> {
  for await (const points of pages) {
    yield points.map(({ step, criticStep, attempt, time, values }) => [
      step,
      BigInt(criticStep),
      attempt,
      Number.isNaN(time) ? null : BigInt(time),
      ...seriesNames.map((name) => values.get(name) ?? null),
    ])
  }
}
