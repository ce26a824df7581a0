// `npm run bench:pickup -- --json`: how soon a job starts. From 201 to `starting` on a free, warm worker; the same when its ticket is
// deleted; and from the kill -9 of its worker until it trains again elsewhere, with the lease that production has. About three minutes.
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { bar, finish } from '../scripts/bars.mjs'
import { isOnPath, smallJob, startProcessStack } from '@kantor/testing'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, jobs: { type: 'string', default: '20' } },
})
const numJobs = Number(options.jobs)
const LEASE_SECONDS = 60
const tell = (line) => process.stderr.write(`bench:pickup: ${line}\n`)

const backends = ['postgres', 'redis']
const bars = []
for (const backend of backends) {
  if (backend === 'redis' && !isOnPath('redis-server')) {
    tell('redis-server is not on the PATH (Debian: apt-get install redis-server)')
    bars.push(...named(backend, { pickUp: null, withoutTicket: null, afterDeath: null }))
    continue
  }
  const stack = await startProcessStack({ redis: backend === 'redis', workers: 1, leaseSeconds: LEASE_SECONDS })
  try {
    bars.push(...named(backend, await measure(stack, backend)))
  } finally {
    await stack.stop()
  }
}
finish({ jobs: numJobs, leaseSeconds: LEASE_SECONDS, bars }, options.json)

function named(backend, { pickUp, withoutTicket, afterDeath }) {
  return [
    bar(`${backend}: median seconds from 201 to starting`, pickUp, '<=', 1),
    bar(`${backend}: seconds from 201 to starting, ticket deleted`, withoutTicket, '<=', 30),
    bar(`${backend}: seconds from a worker's kill -9 to training elsewhere`, afterDeath, '<=', 75),
  ]
}

async function measure(stack, backend) {
  const waits = []
  for (let i = 0; i < numJobs; i += 1) {
    const id = await submit(stack, 1)
    waits.push(await secondsUntil(stack, id, 'starting'))
    await stateReached(stack, id, 'succeeded')
  }
  const pickUp = waits.sort((a, b) => a - b)[Math.floor(waits.length / 2)]
  tell(
    `${backend}: picked up after ${pickUp.toFixed(2)} s (median of ${waits.length}, worst ${waits.at(-1).toFixed(2)} s)`,
  )

  const withoutTicket = await withTicketDeleted(stack)
  tell(`${backend}: without its ticket after ${withoutTicket.toFixed(1)} s`)

  const id = await submit(stack, 100_000)
  await stateReached(stack, id, 'running')
  const other = stack.newWorker()
  await other.start()
  const killedAt = performance.now()
  await stack.workers[0].kill()
  while (!(await trainsInAttempt(stack, id, 2))) await sleep(50)
  const afterDeath = (performance.now() - killedAt) / 1000
  tell(`${backend}: trains again ${afterDeath.toFixed(1)} s after its worker's death`)
  return { pickUp, withoutTicket, afterDeath }
}

/** The worker stands still until its ticket is drawn and gone, so that it cannot be quicker. */
async function withTicketDeleted(stack) {
  stack.workers[0].signal('SIGSTOP')
  const id = await submit(stack, 1)
  while (!(await one(stack, 'SELECT ticketed_at IS NOT NULL AS yes FROM job WHERE id = $1', id)).yes) await sleep(20)
  // The queue's write follows the draw.
  await sleep(1000)
  await deleteTickets(stack)
  stack.workers[0].signal('SIGCONT')
  return secondsUntil(stack, id, 'starting')
}

async function deleteTickets({ redis, db }) {
  if (redis) return redis.flush()
  await db.pool.query('DELETE FROM bullmq.job')
}

async function submit({ client, dataset }, generatorSteps) {
  const body = smallJob({ name: 'pickup', dataset, generatorSteps, checkpointEvery: 50 })
  return (await client.createJob({ body })).id
}

/** On the database's clock, from the job's first event. */
async function secondsUntil(stack, id, state) {
  await stateReached(stack, id, state)
  const sql = `SELECT extract(epoch FROM min(at) FILTER (WHERE to_state = '${state}') - min(at))::float8 AS seconds FROM job_event WHERE job_id = $1`
  return (await one(stack, sql, id)).seconds
}

async function stateReached(stack, id, state) {
  const sql = `SELECT count(*)::int AS n FROM job_event WHERE job_id = $1 AND to_state = '${state}'`
  while ((await one(stack, sql, id)).n === 0) await sleep(50)
}

async function trainsInAttempt(stack, id, attempt) {
  const sql = `SELECT count(*)::int AS n FROM job_event WHERE job_id = $1 AND to_state = 'running' AND epoch = ${attempt}`
  return (await one(stack, sql, id)).n > 0
}

async function one({ db }, sql, id) {
  return (await db.pool.query(sql, [id])).rows[0]
}
