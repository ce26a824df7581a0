#!/usr/bin/env node
// A small grid search over the HTTP API: plain Node, no dependency.
//
//   node examples/sweep.mjs                         against KANTOR_URL, or http://127.0.0.1:8420
//   node examples/sweep.mjs --grid optimizer.generatorLearningRate=1e-4,2e-4 --grid model.latentSize=16,64 --steps 200
//   node examples/sweep.mjs --json                  one document on stdout instead of the table
//
// The trials are ranked by the median of their last Wasserstein estimates, smallest first. An estimate is a distance times a constant that the
// clip and the critic's shape decide, and a lazy critic understates it: rank only jobs with the same critic, clip and schedule, and
// search what the generator has.
import { parseArgs } from 'node:util'
import { readFileSync } from 'node:fs'

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.KANTOR_URL ?? 'http://127.0.0.1:8420' },
    grid: { type: 'string', multiple: true },
    base: { type: 'string' },
    steps: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

const base = options.base
  ? JSON.parse(readFileSync(options.base, 'utf8'))
  : {
      spec: {
        dataset: 'mnist',
        model: { imageSize: 16, latentSize: 32, generatorFilters: 8, criticFilters: 8 },
        schedule: { warmup: { generatorSteps: 10, criticSteps: 20 }, every: { generatorSteps: 0 } },
        budget: { generatorSteps: 150 },
        sampling: { every: 150, count: 16 },
        seed: 1,
      },
    }
if (options.steps) base.spec.budget = { generatorSteps: Number(options.steps) }

const parameters = Object.fromEntries(
  (options.grid ?? ['optimizer.generatorLearningRate=5e-5,2e-4', 'model.generatorFilters=8,16']).map((axis) => {
    const [key, list] = axis.split('=')
    if (!key || !list) fail(`--grid ${axis}: write key=value,value`)
    return [key, { values: list.split(',').map(readValue) }]
  }),
)

const note = (line) => process.stderr.write(`${line}\n`)
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function readValue(text) {
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

async function api(path, body) {
  const headers = { 'content-type': 'application/json' }
  if (process.env.KANTOR_API_KEY) headers.authorization = `Bearer ${process.env.KANTOR_API_KEY}`
  const request = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers }
  const response = await fetch(new URL(path, options.url), request).catch((error) =>
    fail(`${options.url} does not answer (${error.cause?.message ?? error.message}): start the stack with npm start`),
  )
  const reply = await response.json()
  if (response.ok) return reply
  const fields = (reply.errors ?? []).map(
    (error) => `\n  ${error.pointer}: ${error.message}${error.hint ? ` (${error.hint})` : ''}`,
  )
  return fail(`${response.status} ${reply.detail ?? ''}${fields.join('')}`)
}

/** Until every trial is over. */
async function wait({ id, trials }) {
  let said = ''
  for (;;) {
    const { state, counts } = await api(`/sweeps/${id}`)
    const some = Object.entries(counts).filter(([, count]) => count > 0)
    const line = `${trials} trials: ${some.map(([name, count]) => `${count} ${name}`).join(', ')}`
    if (line !== said) note(line)
    said = line
    if (state === 'finished') return
    await sleep(1000)
  }
}

// The whole grid in one request: all of its jobs come into being, or none.
const sweep = await api('/sweeps', { name: 'sweep', ...base, search: { kind: 'grid', parameters } })
note(`${options.url}/ui/sweeps/${sweep.id}`)
await wait(sweep)
const { items } = await api(`/sweeps/${sweep.id}/trials?sort=best&limit=1000`)
const ranked = items.map(({ value, ...trial }, index) => ({ rank: index + 1, ...trial, wEstimate: value }))

if (options.json) {
  console.log(JSON.stringify({ sweepId: sweep.id, trials: ranked }, null, 2))
} else {
  const keys = Object.keys(parameters)
  const head = ['rank', 'w_estimate', ...keys, 'state', 'id']
  const rows = ranked.map((trial) => [
    trial.rank,
    trial.wEstimate === null ? '–' : trial.wEstimate.toFixed(5),
    ...keys.map((key) => trial.parameters[key]),
    trial.state,
    trial.jobId,
  ])
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column])].map((cell) => String(cell).length)),
  )
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, column) => String(cell).padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
}
process.exit(ranked.every(({ state }) => state === 'succeeded') ? 0 : 1)
