import pg from 'pg'
import type { Database } from './database.js'
import { translate } from './database-errors.js'

export interface Lead {
  /** Gives the lead up; another instance gets it at its next try. */
  release(): Promise<void>
  /** Resolves when the lead is over: released, or its connection is gone. */
  lost: Promise<void>
}

/** Any number that nothing else in this database locks; migrations use Prisma's 72707369. */
const LEADER_LOCK = 72_707_370
const PROBE_MILLISECONDS = 5_000

/** Becomes the one dispatcher among all instances, or null when there is one. Held by a connection of its own: it ends when that does. */
export async function tryLead(db: Database): Promise<Lead | null> {
  const client = new pg.Client({ ...db.pool.options, application_name: 'kantor-leader', query_timeout: 5_000 })
  const lost = new Promise<void>((resolve) => {
    client.once('end', resolve)
  })
  client.on('error', () => void client.end().catch(() => {}))
  let won = false
  try {
    await client.connect()
    const { rows } = await client.query<{ won: boolean }>('SELECT pg_try_advisory_lock($1) AS won', [LEADER_LOCK])
    won = rows[0]!.won
  } catch (error) {
    await client.end().catch(() => {})
    throw translate(error)
  }
  if (!won) {
    await client.end()
    return null
  }
  // A server that vanished without a word would leave us believing: a probe that fails closes the connection.
  const probe = setInterval(() => {
    client.query('SELECT 1').catch(() => client.end().catch(() => {}))
  }, PROBE_MILLISECONDS)
  probe.unref()
  void lost.then(() => clearInterval(probe))
  return { lost, release: () => client.end() }
}
