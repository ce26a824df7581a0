import { createHash } from 'node:crypto'
import { AppError } from '@kantor/contracts'
import type { Database } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'
import { weightsHash } from '../weights-hash.js'
import type { InvariantOptions } from './check-invariants.js'

interface ObjectRow {
  table: 'checkpoint' | 'sample'
  id: string
  jobId: string
  step: number
  key: string
  sizeBytes: string
  sha256: string
  /** The checkpoint that the job would resume from, or ended with. */
  newest: boolean
}

/** Every row's object is there with the bytes that the row names, read and hashed again. */
export async function checkObjects(
  db: Database,
  store: ObjectStore,
  { golden = new Map<string, string>() }: InvariantOptions,
): Promise<string[]> {
  const { rows } = await db.pool.query<ObjectRow>(
    `SELECT 'checkpoint' AS table, id, job_id AS "jobId", step, key, size_bytes AS "sizeBytes", sha256,
       id = first_value(id) OVER (PARTITION BY job_id ORDER BY epoch DESC, step DESC) AS newest
     FROM checkpoint WHERE NOT quarantined
     UNION ALL SELECT 'sample', id, job_id, step, key, size_bytes, sha256, false FROM sample`,
  )
  const faults: string[] = []
  const compared = new Set<string>()
  for (const row of rows) {
    const bytes = await store.getBytes(row.key).catch(missingIsNull)
    const fault = describeFault(row, bytes)
    // Retention may have taken row and object since we read the rows, in this order.
    if (fault !== null && (await isThere(db, row)))
      faults.push(`job ${row.jobId}: the ${row.table} of step ${row.step} ${fault}`)
    const expected = row.newest ? golden.get(row.jobId) : undefined
    if (expected === undefined || bytes === null) continue
    compared.add(row.jobId)
    if (weightsHash(bytes) !== expected)
      faults.push(`job ${row.jobId}: its weights at step ${row.step} are not those of an undisturbed run`)
  }
  for (const jobId of golden.keys())
    if (!compared.has(jobId)) faults.push(`job ${jobId}: it has no checkpoint to compare with an undisturbed run's`)
  return faults
}

function describeFault({ sizeBytes, sha256 }: ObjectRow, bytes: Uint8Array | null): string | null {
  if (bytes === null) return 'has no object'
  if (bytes.byteLength !== Number(sizeBytes)) return `has ${bytes.byteLength} bytes, its row says ${sizeBytes}`
  const found = createHash('sha256').update(bytes).digest('hex')
  return found === sha256 ? null : `has the sha256 ${found}, its row says ${sha256}`
}

async function isThere(db: Database, { table, id }: ObjectRow): Promise<boolean> {
  return ((await db.pool.query(`SELECT 1 FROM ${table} WHERE id = $1`, [id])).rowCount ?? 0) > 0
}

function missingIsNull(error: unknown): null {
  if (error instanceof AppError && error.code === 'not-found') return null
  throw error
}
