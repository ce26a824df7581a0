import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq'
import pg from 'pg'
import type { Backend, ReportError } from './backend.js'

/** BullMQ's own tables, apart from ours. The name is fixed: BullMQ takes it for granted when it is handed a pool. */
const schema = 'bullmq'

/**
 * BullMQ on Postgres. One pool for all; each worker keeps one of its connections for LISTEN. A pooler in
 * transaction mode between us and Postgres breaks LISTEN.
 */
export function postgresBackend(databaseUrl: string, report: ReportError): Backend {
  const pool = new pg.Pool({
    connectionString: withSearchPath(databaseUrl),
    max: 10,
    // Without it a pool waits for ever for a server that does not answer.
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    application_name: 'kantor-queue',
  })
  pool.on('error', report)

  return {
    name: 'Postgres',
    async connect() {
      const client = await pool.connect()
      try {
        await client.query('SELECT 1')
        await runMigrations(client, schema)
      } finally {
        client.release()
      }
    },
    queue: (name) => new Queue(name, { connection: pool }, createPostgresBackend),
    worker: (name, processor, settings) =>
      new Worker(name, processor, { connection: pool, ...settings }, createPostgresBackend),
    close: () => pool.end(),
  }
}

/** BullMQ's SQL names no schema. Into the URL, because what the URL says there would override a pool option. */
function withSearchPath(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  const given = url.searchParams.get('options')
  url.searchParams.set('options', `${given ? `${given} ` : ''}-c search_path=${schema}`)
  // The driver decodes percent-escapes only: a plus sign would reach Postgres as it is.
  url.search = url.search.replaceAll('+', '%20')
  return url.toString()
}
