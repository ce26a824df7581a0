// Jobs coming in: many clients with a job each, and one client with ten thousand.
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { openClient, percentile } from './timed-request.mjs'

const CLIENTS = 32
const WARM_UP_SECONDS = 2
/** Others who ask while a batch comes in, and how long each of them thinks between two questions. */
const OTHERS = 8
const THINK_MS = 50

/** What a script sends: some keys of its own, the rest as the authors have it. */
const aJob = (dataset, index) => ({
  name: `sweep ${index}`,
  tags: { sweep: 'bench', rate: '5e-5' },
  spec: {
    dataset,
    model: { imageSize: 32, generatorFilters: 32, criticFilters: 32 },
    optimizer: { kind: 'rmsprop', criticLearningRate: 5e-5, generatorLearningRate: 5e-5 },
    budget: { generatorSteps: 2000 },
    seed: index,
  },
})

/** Everyone at once, as fast as it goes. */
export async function submitSingly({ url, key, dataset, sizes }) {
  const load = (duration) =>
    autocannon({
      url: `${url}/jobs`,
      method: 'POST',
      connections: CLIENTS,
      duration,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(aJob(dataset, 1)),
    })
  await load(Math.min(WARM_UP_SECONDS, sizes.submitSeconds))
  const { requests, latency, errors, timeouts, non2xx, duration } = await load(sizes.submitSeconds)
  return {
    requestsPerSecond: requests.total / duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + timeouts + non2xx,
  }
}

/** Ten requests, one after another; meanwhile others look at jobs and submit some. */
export async function submitBatch({ url, key, dataset, sizes }) {
  const client = openClient({ url, key })
  const perRequest = sizes.batchJobs / 10
  const bodies = Array.from({ length: 10 }, (_request, request) =>
    JSON.stringify({ jobs: Array.from({ length: perRequest }, (_job, i) => aJob(dataset, request * perRequest + i)) }),
  )
  const one = JSON.stringify(aJob(dataset, 0))
  const first = JSON.parse((await client.ask('/jobs', { method: 'POST', body: one })).text)
  const questions = [
    [`/jobs/${first.id}`],
    [`/jobs/${first.id}/curve`],
    ['/jobs?limit=50'],
    ['/jobs', { method: 'POST', body: one }],
  ]
  for (const question of [...questions, ...questions]) await client.ask(...question)

  const over = new AbortController()
  const waits = []
  let failed = 0
  const other = async (index) => {
    for (let i = index; !over.signal.aborted; i += 1) {
      const { status, ms } = await client.ask(...questions[i % questions.length])
      waits.push(ms)
      if (status >= 300) failed += 1
      await sleep(THINK_MS)
    }
  }
  const others = Array.from({ length: OTHERS }, (_, index) => other(index))
  const begin = performance.now()
  const statuses = []
  for (const body of bodies) statuses.push((await client.ask('/jobs/batch', { method: 'POST', body })).status)
  const seconds = (performance.now() - begin) / 1000
  over.abort()
  await Promise.all(others)
  client.close()
  return {
    jobs: sizes.batchJobs,
    seconds,
    numOthers: waits.length,
    othersP50Ms: percentile(waits, 0.5),
    othersP99Ms: percentile(waits, 0.99),
    failed: failed + statuses.filter((status) => status !== 201).length,
  }
}
