#!/usr/bin/env node
// A small grid search over the HTTP API: plain Node, no dependency.
//
//   node examples/sweep.mjs                         against KANTOR_URL, or http://127.0.0.1:8420
//   node examples/sweep.mjs --grid optimizer.generatorLearningRate=1e-4,2e-4 --grid model.latentSize=16,64 --steps 200
//   node examples/sweep.mjs --json                  one document on stdout instead of the table
//
// Jobs are ranked by the median of their last Wasserstein estimates, smallest first. An estimate is a distance times a constant that the
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

const axes = (options.grid ?? ['optimizer.generatorLearningRate=5e-5,2e-4', 'model.generatorFilters=8,16']).map(
  (axis) => {
    const [key, list] = axis.split('=')
    if (!key || !list) fail(`--grid ${axis}: write key=value,value`)
    return { key, values: list.split(',').map(readValue) }
  },
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

/** Every combination of one value per axis. */
function combinations([axis, ...rest]) {
  if (!axis) return [{}]
  return axis.values.flatMap((value) => combinations(rest).map((others) => ({ [axis.key]: value, ...others })))
}

/** A copy of the base spec with each dotted key set. An optimizer's rates need its kind beside them. */
function specWith(choice) {
  const spec = structuredClone(base.spec)
  for (const [key, value] of Object.entries(choice)) {
    const parts = key.split('.')
    const last = parts.pop()
    const target = parts.reduce((node, part) => (node[part] ??= {}), spec)
    target[last] = value
  }
  if (spec.optimizer) spec.optimizer.kind ??= 'rmsprop'
  if (spec.objective) spec.objective.kind ??= 'wgan-clip'
  return spec
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length ? (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2 : null
}

const over = new Set(['succeeded', 'failed', 'cancelled', 'stopped'])

/** The whole grid in one request: all of its jobs come into being, or none. */
async function submit(choices) {
  const jobs = choices.map((choice) => ({
    ...base,
    name: `sweep ${Object.values(choice).join(' / ')}`,
    tags: { ...base.tags, sweep: 'grid' },
    spec: specWith(choice),
  }))
  const { items } = await api('/jobs/batch', { jobs })
  for (const { id, name } of items) note(`${id}  ${name}`)
  return items.map(({ id, state }, index) => ({ id, choice: choices[index], state }))
}

async function wait(trials) {
  let said = ''
  for (;;) {
    for (const trial of trials.filter(({ state }) => !over.has(state))) {
      const job = await api(`/jobs/${trial.id}`)
      Object.assign(trial, { state: job.state, step: job.progress?.step ?? 0 })
    }
    const done = trials.filter(({ state }) => over.has(state)).length
    const line = `${done}/${trials.length} over; ${trials.map(({ state, step }) => `${state} ${step ?? 0}`).join(', ')}`
    if (line !== said) note(line)
    said = line
    if (done === trials.length) return
    await sleep(1000)
  }
}

async function measure(trial) {
  const curve = await api(`/jobs/${trial.id}/curve?metrics=w_estimate&maxPoints=5000`)
  const points = (curve.series.w_estimate?.mean ?? []).filter((value) => value !== null)
  return { ...trial, wEstimate: median(points.slice(-50)) }
}

const trials = await submit(combinations(axes))
await wait(trials)
const measured = await Promise.all(trials.map(measure))

// A job that did not succeed has no rank, however good its curve looked.
const score = ({ state, wEstimate }) => (state === 'succeeded' && wEstimate !== null ? wEstimate : Infinity)
const ranked = measured.toSorted((a, b) => score(a) - score(b)).map((trial, index) => ({ rank: index + 1, ...trial }))

if (options.json) {
  console.log(JSON.stringify({ trials: ranked }, null, 2))
} else {
  const keys = axes.map(({ key }) => key)
  const head = ['rank', 'w_estimate', ...keys, 'state', 'id']
  const rows = ranked.map((trial) => [
    trial.rank,
    trial.wEstimate === null ? '–' : trial.wEstimate.toFixed(5),
    ...keys.map((key) => trial.choice[key]),
    trial.state,
    trial.id,
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
