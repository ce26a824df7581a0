// Curves of ten million points beside short ones, what it costs to write them, and the room that they take.
import { lossNames } from '@kantor/contracts'
import { appendPoints, claimJob } from '@kantor/db'
import { setTimeout as sleep } from 'node:timers/promises'
import { bar } from '../scripts/bars.mjs'
import { openClient, percentile } from './timed-request.mjs'

const SHORT = 10_000
const LOOKS = 200
const WRITERS = 4
const TEN_SERIES = 10 / lossNames.length

/** What `bench:api` measures of curves: `row(context)` answers figures, `bars(figures)` their bars; `speed` is among the figures. */
export const curveRows = [
  {
    name: 'ingestion',
    row: ingestInBatches,
    bars: ({ pointsPerSecond, speed }) => [
      bar('points per second in batches of 1 000 into one database', pointsPerSecond, '>=', 50_000 * speed),
    ],
  },
  {
    name: 'workers',
    row: flushLikeWorkers,
    bars: ({ p99Ms, latestSeconds, speed }) => [
      bar('100 workers × 50 points per second: p99 ms of a flush', p99Ms, '<=', 500 / speed),
      bar('100 workers × 50 points per second: seconds behind at the end', latestSeconds, '<=', 1 / speed),
    ],
  },
  {
    name: 'curve',
    row: lookAtCurves,
    bars: ({ long, short, zoom, medianMs, bytesPerStep, wrongExtremes, speed }) => [
      bar('curve of a long job, 1 000 buckets: p99 ms', long.p99Ms, '<=', 25 / speed),
      bar('curve of a long job beside one of 10 000 points: p99 ratio', long.p99Ms / short.p99Ms, '<=', 2),
      bar('zoom to any range of a long job: p99 ms', zoom.p99Ms, '<=', 25 / speed),
      bar('median:101 over a million points, first time: ms', medianMs, '<=', 300 / speed),
      bar('bytes per step of ten series, compacted', bytesPerStep * TEN_SERIES, '<=', 60),
      bar('buckets with another minimum or maximum than their points', wrongExtremes, '<=', 0),
    ],
  },
]

async function ingestInBatches({ db, submit, sizes }) {
  const jobs = await claimed({ db, submit }, 'ingestion', WRITERS)
  const end = performance.now() + sizes.ingestSeconds * 1000
  const begin = performance.now()
  await Promise.all(
    jobs.map(async (job) => {
      while (performance.now() < end) await write(db, job, 1_000)
    }),
  )
  const seconds = (performance.now() - begin) / 1000
  const points = jobs.reduce((sum, { step }) => sum + step, 0)
  return { writers: WRITERS, points, pointsPerSecond: points / seconds }
}

/** Every worker flushes once a second, each at a moment of its own; one that is late flushes at once. */
async function flushLikeWorkers({ db, submit, sizes }) {
  const jobs = await claimed({ db, submit }, 'worker', 100)
  const begin = performance.now()
  const flushes = []
  let latest = 0
  await Promise.all(
    jobs.map(async (job, worker) => {
      for (let second = 0; second < sizes.workerSeconds; second += 1) {
        const due = begin + second * 1000 + worker * 10
        await sleep(Math.max(0, due - performance.now()))
        const now = performance.now()
        await write(db, job, 50)
        flushes.push(performance.now() - now)
        if (second === sizes.workerSeconds - 1) latest = Math.max(latest, performance.now() - due)
      }
    }),
  )
  return {
    flushes: flushes.length,
    p50Ms: percentile(flushes, 0.5),
    p99Ms: percentile(flushes, 0.99),
    latestSeconds: latest / 1000,
  }
}

async function lookAtCurves({ db, submit, sizes, url, key }) {
  const [long, short] = await claimed({ db, submit }, 'curve', 2)
  const begin = performance.now()
  while (long.step < sizes.longCurve) await write(db, long, 10_000)
  const fillSeconds = (performance.now() - begin) / 1000
  while (short.step < SHORT) await write(db, short, 1_000)
  const client = openClient({ url, key })
  try {
    const million = Math.min(1_000_000, sizes.longCurve)
    const median = await client.ask(
      `/jobs/${long.jobId}/curve?metrics=w_estimate&smooth=median:101&from=1&to=${million}`,
    )
    const look = async (job, range) => {
      const times = []
      const bytes = []
      for (let i = 0; i < LOOKS; i += 1) {
        // Another range each time, or at least another tag: nothing is answered from what was asked before.
        const answer = await client.ask(`/jobs/${job.jobId}/curve?maxPoints=1000${range(i)}`)
        if (answer.status !== 200) throw new Error(`a curve answered ${answer.status}: ${answer.text}`)
        times.push(answer.ms)
        bytes.push(answer.text.length)
      }
      return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99), bytes: percentile(bytes, 0.5) }
    }
    const zoom = (i) => {
      const length = Math.max(10, Math.floor(sizes.longCurve / 2 ** (i % 16)))
      const from = 1 + Math.floor(((i * 0.618034) % 1) * (sizes.longCurve - length))
      return `&from=${from}&to=${from + length - 1}`
    }
    await look(short, whole)
    const figures = { long: await look(long, whole), short: await look(short, whole), zoom: await look(long, zoom) }
    const wrongExtremes = await countWrongExtremes(client, long, zoom)
    return {
      points: sizes.longCurve,
      fillSeconds,
      ...figures,
      medianMs: median.ms,
      wrongExtremes,
      ...(await roomOf(db)),
    }
  } finally {
    client.close()
  }
}

const whole = () => ''

/** What the values are made of is known, so the extremes of any range can be found without the store. */
async function countWrongExtremes(client, job, zoom) {
  let wrong = 0
  for (let i = 0; i < 16; i += 1) {
    const answer = await client.ask(`/jobs/${job.jobId}/curve?metrics=w_estimate${zoom(i)}`)
    const { resolution, series } = JSON.parse(answer.text)
    const [from, to] = zoom(i).match(/\d+/g).map(Number)
    const { x, min, max } = series.w_estimate
    for (let bucket = 0; bucket < x.length; bucket += Math.max(1, Math.floor(x.length / 20))) {
      let [low, high] = [Infinity, -Infinity]
      const last = Math.min(to, x[bucket] + resolution - 1)
      for (let step = Math.max(from, x[bucket]); step <= last; step += 1) {
        low = Math.min(low, estimateAt(step))
        high = Math.max(high, estimateAt(step))
      }
      if (low !== min[bucket] || high !== max[bucket]) wrong += 1
    }
  }
  return wrong
}

/** Everything that this run wrote, before and after the tables are packed. */
async function roomOf(db) {
  const measure = async () => {
    const { rows } = await db.pool.query(
      `SELECT (pg_total_relation_size('curve_segment') + pg_total_relation_size('curve_pyramid'))::float8
         / (SELECT sum(num_points) FROM curve_segment)::float8 AS bytes`,
    )
    return rows[0].bytes
  }
  const client = await db.pool.connect()
  try {
    await client.query('SET statement_timeout = 0')
    const settled = async (how) => {
      for (const table of ['curve_segment', 'curve_pyramid'])
        await client.query({ text: `${how} ${table}`, query_timeout: 600_000 })
      return measure()
    }
    return { bytesPerStepVacuumed: await settled('VACUUM'), bytesPerStep: await settled('VACUUM FULL') }
  } finally {
    client.release(true)
  }
}

async function claimed({ db, submit }, name, count) {
  const jobs = []
  for (let i = 0; i < count; i += 1) {
    const jobId = await submit(`${name} ${i}`)
    const { epoch } = await claimJob(db, { jobId, workerId: 'bench', leaseSeconds: 3600 })
    jobs.push({ jobId, epoch, step: 0 })
  }
  return jobs
}

const estimateAt = (step) => Math.fround(Math.exp(-step / 500_000) + 0.05 * Math.sin(step * step))

async function write(db, job, numPoints) {
  const points = Array.from({ length: numPoints }, (_point, i) => {
    const step = job.step + i + 1
    const estimate = estimateAt(step)
    return {
      step,
      criticStep: step * 5,
      values: Float32Array.from(lossNames, (_, series) => estimate * (series + 1)),
    }
  })
  await appendPoints(db, { jobId: job.jobId, epoch: job.epoch }, points)
  job.step += numPoints
}
