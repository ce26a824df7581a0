import { seriesNames } from '@kantor/contracts'
import { type Database, readPointsFrom, type StoredPoint } from '@kantor/db'

/** Every effective point of a job, raw, in the order of steps, about a thousand at a time: no connection is held while its reader is slow. */
export async function* effectivePoints(db: Database, jobId: string): AsyncGenerator<StoredPoint[]> {
  let from: number | null = 0
  while (from !== null) {
    const page: Awaited<ReturnType<typeof readPointsFrom>> = await readPointsFrom(db, jobId, seriesNames, from)
    if (page.points.length > 0) yield page.points
    from = page.next
  }
}
