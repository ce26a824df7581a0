import type { Database } from '@kantor/db'
import type { QueryResultRow } from 'pg'

/** One query of a snapshot. */
export type Read = <Row extends QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>

/** Every query of `work` sees the database at one moment. */
export async function readSnapshot<T>(db: Database, work: (read: Read) => Promise<T>): Promise<T> {
  const client = await db.pool.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return await work(async (sql, values = []) => (await client.query(sql, values)).rows)
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}
