// `npm run bench:api -- --json`: the API under load, client and database on the same machine. Real processes from `dist`, a Postgres
// that flushes its commits, a key on every request. The machine is calibrated before and after every row, and a limit on time or rate
// scales with what it then was. `--tiny` runs everything at a hundredth of its size: whether it works, not how fast.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createKey } from '@kantor/db'
import { startProcessStack } from '@kantor/testing'
import { bar, finish } from '../scripts/bars.mjs'
import { between, openCalibration } from './api-calibration.mjs'
import { curveRows } from './curve-rows.mjs'
import { pollDashboards } from './dashboard-rows.mjs'
import { submitBatch, submitSingly } from './submit-rows.mjs'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, tiny: { type: 'boolean', default: false } },
})
const sizes = options.tiny
  ? {
      calibrationSeconds: 0.2,
      submitSeconds: 1,
      batchJobs: 100,
      dashboards: 20,
      pollSeconds: 3,
      curvePoints: 2_000,
      ingestSeconds: 1,
      workerSeconds: 3,
      longCurve: 100_000,
    }
  : {
      calibrationSeconds: 2,
      submitSeconds: 10,
      batchJobs: 10_000,
      dashboards: 200,
      pollSeconds: 30,
      curvePoints: 20_000,
      ingestSeconds: 20,
      workerSeconds: 300,
      longCurve: 10_000_000,
    }
const tell = (line) => process.stderr.write(`bench:api: ${line}\n`)

const stack = await startProcessStack({ workers: 0, durable: true })
const calibration = []
const rows = []
let bars
try {
  const { key } = await createKey(stack.db, { name: 'bench', scope: 'submit' })
  const calibrator = await openCalibration(stack.postgres.url)
  const calibrate = async () => {
    const now = await calibrator.measure(sizes.calibrationSeconds)
    calibration.push(now)
    tell(`bare Fastify ${now.fastifyPerSecond}/s, SELECT 1 ${now.selectPerSecond}/s`)
    return now
  }
  let before = await calibrate()
  /** The row, and how fast the machine was meanwhile, 1 being the one that the bars are written for. */
  const measured = async (name, row) => {
    const figures = await row({
      url: stack.url,
      key,
      db: stack.db,
      dataset: stack.dataset,
      api: stack.api,
      sizes,
      submit,
    })
    const after = await calibrate()
    const speed = between(before, after)
    before = after
    rows.push({ name, speed, ...figures })
    tell(`${name}: ${JSON.stringify(figures)}`)
    return { ...figures, speed }
  }
  const submit = async (name) => {
    const body = JSON.stringify({ name, spec: { dataset: stack.dataset } })
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    return (await (await fetch(`${stack.url}/jobs`, { method: 'POST', headers, body })).json()).id
  }

  const single = await measured('submit', submitSingly)
  const batch = await measured('batch', submitBatch)
  const polling = await measured('dashboards', pollDashboards)
  const curveBars = []
  for (const { name, row, bars: of } of curveRows) curveBars.push(...of(await measured(name, row)))
  await calibrator.close()
  bars = [
    bar('POST /jobs from 32 clients: requests per second', single.requestsPerSecond, '>=', 1000 * single.speed),
    bar('POST /jobs from 32 clients: p99 ms', single.p99Ms, '<=', 60 / single.speed),
    bar('POST /jobs from 32 clients: failed', single.failed, '<=', 0),
    bar('10 000 jobs in 10 requests: seconds to the last 201', batch.seconds, '<=', 3 / batch.speed),
    bar('10 000 jobs in 10 requests: p99 ms of other requests', batch.othersP99Ms, '<=', 100 / batch.speed),
    bar('10 000 jobs in 10 requests: failed', batch.failed, '<=', 0),
    bar('200 dashboards: p99 ms', polling.p99Ms, '<=', 150 / polling.speed),
    bar('200 dashboards: failed', polling.failed, '<=', 0),
    bar('200 dashboards: most memory of the API in MB', polling.apiMemoryMB, '<=', 300),
    ...curveBars,
  ]
} finally {
  await stack.stop()
}
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version }
finish({ machine, calibration, rows, bars }, options.json)
