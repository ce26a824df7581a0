import { lossNames } from '@kantor/contracts'
import type { Transaction } from '../database.js'
import { medianOf } from './filter.js'
import { MEDIAN_WINDOW } from './geometry.js'
import { readNewest } from './points.js'

/**
 * The median of every loss over the newest 101 effective points of a job up to a step, null where none is finite.
 * Unlike the curve's filter the window ends at the step: a checkpoint is judged when it is written, before later points exist.
 */
export async function mediansUpTo(
  tx: Transaction,
  jobId: string,
  step: number,
): Promise<Record<string, number | null>> {
  const newest = await readNewest(tx, jobId, lossNames, { limit: MEDIAN_WINDOW, upTo: step })
  return Object.fromEntries(
    lossNames.map((name) => {
      const median = medianOf(Float32Array.from(newest.flatMap((point) => point.values.get(name) ?? [])))
      return [name, Number.isNaN(median) ? null : median]
    }),
  )
}
