// How fast this machine is just now: bare Fastify and `SELECT 1`, each asked by 32 clients. The bars are written for a machine that
// does 20 000 and 8 000 a second; on a slower one the limits scale with it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { openDatabase } from '@kantor/db'

const BARE_FASTIFY = 20_000
const SELECT_1 = 8_000
const CLIENTS = 32

/** `measure(seconds)` takes both figures; `close()` ends the process and the connections that they need. */
export async function openCalibration(databaseUrl) {
  const server = fork(join(import.meta.dirname, 'bare-fastify.mjs'), { execArgv: [] })
  const [{ port }] = await once(server, 'message')
  // As many connections as the API has.
  const db = await openDatabase(databaseUrl)
  return {
    async measure(seconds) {
      const { requests } = await autocannon({
        url: `http://127.0.0.1:${port}`,
        connections: CLIENTS,
        duration: seconds,
      })
      return speedOf({ fastifyPerSecond: requests.total / seconds, selectPerSecond: await selects(db.pool, seconds) })
    },
    async close() {
      server.disconnect()
      await db.close()
    },
  }
}

async function selects(pool, seconds) {
  const end = performance.now() + seconds * 1000
  let done = 0
  const client = async () => {
    while (performance.now() < end) {
      await pool.query('SELECT 1')
      done += 1
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return done / seconds
}

const share = (value, full) => Math.min(1, value / full)

/** The geometric mean of both shares, at most 1: a request needs the one and the other. */
function speedOf({ fastifyPerSecond, selectPerSecond }) {
  const speed = Math.sqrt(share(fastifyPerSecond, BARE_FASTIFY) * share(selectPerSecond, SELECT_1))
  return { fastifyPerSecond: Math.round(fastifyPerSecond), selectPerSecond: Math.round(selectPerSecond), speed }
}

/** The machine between two looks at it. */
export const between = (before, after) => Math.sqrt(before.speed * after.speed)
