import { seriesNames } from '@kantor/contracts'
import { type Database, readPointsFrom, type StoredPoint } from '@kantor/db'

/**
 * Every point of a job, raw, in the order of steps, about a thousand at a time: no connection is held while its reader is slow. The
 * effective ones, or those that gave way to later attempts.
 */
export async function* pointPages(db: Database, jobId: string, effective = true): AsyncGenerator<StoredPoint[]> {
  let from: number | null = 0
  while (from !== null) {
    const page: Awaited<ReturnType<typeof readPointsFrom>> = await readPointsFrom(
      db,
      jobId,
      seriesNames,
      from,
      effective,
    )
    if (page.points.length > 0) yield page.points
    from = page.next
  }
}
