// Dashboards that poll a curve: of twenty polls one is a first load, nine fetch what is new, ten learn that nothing is.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lossNames } from '@kantor/contracts'
import { appendPoints, claimJob } from '@kantor/db'
import { openClient, percentile } from './timed-request.mjs'

const POLL_MS = 2_000
/** Tabs that are opened one by one, until each has what it needs for a 304; not counted. */
const OPENING_MS = 3 * POLL_MS
const JOBS = 10
const POINTS_PER_FLUSH = 50
const FLUSH_MS = 1_000
const CURVE = 'curve?maxPoints=1000'

/** Half of the dashboards watch jobs that train, the others jobs whose curve stands still. */
export async function pollDashboards(context) {
  const { url, key, api, sizes } = context
  const live = await jobsWithCurves(context, 'live')
  const still = await jobsWithCurves(context, 'still')
  const client = openClient({ url, key })
  const from = performance.now() + OPENING_MS
  const end = from + sizes.pollSeconds * 1000
  const told = { ms: [], failed: 0, kinds: { firstLoads: 0, deltas: 0, unchanged: 0 } }
  const trains = live.map((job) => keepTraining(context.db, job, end))
  const memory = watchMemory(api.pid, end)
  await Promise.all(
    Array.from({ length: sizes.dashboards }, (_, index) =>
      dashboard({
        client,
        job: (index % 2 ? live : still)[(index >> 1) % JOBS],
        isLive: index % 2 === 1,
        index,
        from,
        end,
        told,
        sizes,
      }),
    ),
  )
  await Promise.all(trains)
  client.close()
  return {
    dashboards: sizes.dashboards,
    polls: told.ms.length,
    ...told.kinds,
    failed: told.failed,
    p50Ms: percentile(told.ms, 0.5),
    p99Ms: percentile(told.ms, 0.99),
    apiMemoryMB: await memory,
  }
}

/** One browser tab. Every tenth poll of those on live jobs is a first load: a reload, or somebody new. */
async function dashboard({ client, job, isLive, index, from, end, told, sizes }) {
  await sleep((POLL_MS * index) / sizes.dashboards)
  let held
  for (let poll = index >> 1; performance.now() < end; poll += 1) {
    const begin = performance.now()
    const isFirst = held === undefined || (isLive && poll % 10 === 0)
    const path = `/jobs/${job.jobId}/${CURVE}`
    const answer = isFirst
      ? await client.ask(path)
      : await client.ask(`${path}&sinceSeq=${held.seq}&resolution=${held.resolution}`, {
          headers: held.etag === undefined ? {} : { 'if-none-match': held.etag },
        })
    if (begin >= from) count(told, answer, isFirst)
    if (answer.status === 200) {
      const { seq, resolution } = JSON.parse(answer.text)
      // A tag belongs to one address: the delta's is held from the second poll on.
      held = { seq, resolution, etag: isFirst ? undefined : answer.headers.etag }
    }
    await sleep(Math.max(0, begin + POLL_MS - performance.now()))
  }
}

function count(told, { ms, status }, isFirst) {
  told.ms.push(ms)
  if (status !== 200 && status !== 304) told.failed += 1
  const kind = isFirst ? 'firstLoads' : status === 304 ? 'unchanged' : 'deltas'
  told.kinds[kind] += 1
}

async function jobsWithCurves({ db, submit, sizes }, name) {
  const jobs = []
  for (let i = 0; i < JOBS; i += 1) {
    const jobId = await submit(`${name} ${i}`)
    const { epoch } = await claimJob(db, { jobId, workerId: 'bench', leaseSeconds: 3600 })
    const job = { jobId, epoch, step: 0 }
    while (job.step < sizes.curvePoints) await train(db, job, 1_000)
    jobs.push(job)
  }
  return jobs
}

async function keepTraining(db, job, end) {
  while (performance.now() < end) {
    await train(db, job, POINTS_PER_FLUSH)
    await sleep(FLUSH_MS)
  }
}

/** The next points of a job, as its worker writes them. */
async function train(db, job, numPoints) {
  const points = Array.from({ length: numPoints }, (_point, i) => {
    const step = job.step + i + 1
    const estimate = Math.exp(-step / 5_000) + 0.05 * Math.sin(step)
    return {
      step,
      criticStep: step * 5,
      values: Float32Array.from(lossNames, (_, series) => estimate * (series + 1)),
    }
  })
  await appendPoints(db, { jobId: job.jobId, epoch: job.epoch }, points)
  job.step += numPoints
}

/** The most that the process held in memory, in MB, looked at ten times a second. */
async function watchMemory(pid, end) {
  let most = 0
  while (performance.now() < end) {
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
    most = Math.max(most, kilobytes / 1024)
    await sleep(100)
  }
  return most
}
