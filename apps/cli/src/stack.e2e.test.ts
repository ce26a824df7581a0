import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Checkpoint, CreatedWebhook, Job, JobPlan, Sweep, Task, Trial, Worker } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'
import { probeTensorFlow } from './doctor/probe-tensorflow.js'
import type { StackFile } from './stack/stack-file.js'

const tensorflow = await probeTensorFlow()
if (!tensorflow.ok) console.warn(`SKIPPED: the stack's training tests need TensorFlow (${tensorflow.problem})`)
const testWithTensorFlow = tensorflow.ok ? test : test.skip

const program = join(repoRoot(), 'apps/cli/bin/kantor.mjs')
let dataDir: string
let stack: ChildProcess
let said = ''

const environment = () => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
  KANTOR_DATA_DIR: dataDir,
  KANTOR_PORT: '0',
})

interface Run {
  code: number | null
  stdout: string
  stderr: string
}

const kantor = (args: string[], stdin = ''): Promise<Run> => run(process.execPath, [program, ...args], stdin)

function run(command: string, args: string[], stdin = '', env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = spawn(command, args, { env: { ...environment(), ...env } })
  child.stdin.end(stdin)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  return new Promise((done) => child.once('close', (code) => done({ code, stdout, stderr })))
}

const stackFile = async () => JSON.parse(await readFile(join(dataDir, 'stack.json'), 'utf8')) as StackFile

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(100)
  }
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const anId = '0198c0de-0000-7000-8000-000000000001'

/** Small enough for seconds, long enough to be caught in the middle. */
const aJob = (generatorSteps: number) =>
  JSON.stringify({
    name: 'tiny',
    spec: {
      dataset: 'mnist',
      model: { generator: 'mlp', critic: 'mlp', imageSize: 16, latentSize: 8, generatorFilters: 8, criticFilters: 8 },
      schedule: { criticSteps: 1, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
      batchSize: 16,
      seed: 1,
      budget: { generatorSteps },
      sampling: { every: 100_000, count: 4 },
    },
  })

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'kantor-up-'))
  stack = spawn(process.execPath, [program, 'up'], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
  stack.stderr!.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const url = await Promise.race([
    once(stack.stdout!.setEncoding('utf8'), 'data').then(([chunk]) => String(chunk).trim()),
    once(stack, 'exit').then(() => Promise.reject(new Error(`the stack did not start:\n${said}`))),
  ])
  expect((await stackFile()).url).toBe(url)
}, 180_000)

afterAll(async () => {
  if (stack.exitCode === null) {
    stack.kill('SIGTERM')
    await once(stack, 'exit')
  }
  await rm(dataDir, { recursive: true, force: true })
}, 180_000)

describe('kantor up', () => {
  test('the API answers, the built-in datasets are there, and other commands find the stack by its directory', async () => {
    const { code, stdout } = await kantor(['dataset', 'list', '--json'])

    expect(code).toBe(0)
    const { items } = JSON.parse(stdout) as { items: { id: string; numImages: number }[] }
    expect(items).toContainEqual(expect.objectContaining({ id: 'mnist', numImages: 60_000 }))
  })

  test('a second stack on the same directory is refused with 5', async () => {
    expect(await kantor(['up'])).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining(dataDir) })
  })

  test('a bad job is refused with 2 and every field named', async () => {
    const body = JSON.stringify({ spec: { dataset: 'mnst', batchsize: 3, model: { imageSize: 48 } } })
    const { code, stderr } = await kantor(['job', 'submit', '-'], body)

    expect(code).toBe(2)
    expect(stderr).toMatch(/batchSize/)
    expect(stderr).toMatch(/imageSize/)
  })

  test('a dry run shows what a job would take and what is unwise in it, and submits nothing', async () => {
    const body = JSON.stringify({ preset: 'paper', spec: { dataset: 'mnist', objective: { kind: 'wgan-gp' } } })
    const numJobs = async () =>
      (JSON.parse((await kantor(['job', 'list', '--json'])).stdout) as { items: Job[] }).items.length
    const before = await numJobs()
    const told = await kantor(['job', 'submit', '-', '--dry-run'], body)
    const { stdout } = await kantor(['job', 'submit', '-', '--dry-run', '--json', '--name', 'x'], body)
    const planned = JSON.parse(stdout) as JobPlan

    expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/^memory +\d.* of .*iB$/m) })
    expect(told.stdout).toMatch(/instead: \{"model":\{"critic":"dcgan-ln"\}\}/)
    expect(planned.spec.dataset).toMatch(/^mnist@/)
    expect(planned.estimate.parameters.generator).toBe(3_574_656)
    expect(await kantor(['job', 'submit', '-', '--dry-run'], `[${body}]`)).toMatchObject({ code: 2 })
    expect(await numJobs()).toBe(before)
  })

  test('a list of jobs is submitted at once; again with the same key it is not', async () => {
    const list = JSON.stringify([JSON.parse(aJob(10_000_000)), JSON.parse(aJob(10_000_000))])
    const submit = () => kantor(['job', 'submit', '-', '--idempotency-key', 'twice'], list)
    const [first, again] = [await submit(), await submit()]
    const ids = first.stdout.trim().split('\n')

    expect(ids).toHaveLength(2)
    expect(again).toMatchObject({ code: 0, stdout: first.stdout })
    expect(await kantor(['job', 'submit', '-', '--name', 'x'], list)).toMatchObject({ code: 2 })
    expect(await kantor(['job', 'submit', '-', '--idempotency-key', 'twice'], '[]')).toMatchObject({ code: 2 })
    for (const id of ids) expect(await kantor(['job', 'cancel', id])).toMatchObject({ code: 0 })
  })

  testWithTensorFlow('a submitted job is followed to its end', async () => {
    const { code, stdout, stderr } = await kantor(['job', 'submit', '-', '--wait', '--json'], aJob(5))
    const job = JSON.parse(stdout) as Job

    expect({ code, state: job.state, step: job.progress?.step }).toEqual({ code: 0, state: 'succeeded', step: 5 })
    expect(stderr).toMatch(/step 5\/5/)
    expect((await kantor(['job', 'list'])).stdout).toMatch(new RegExp(`${job.id} +tiny +succeeded +[a-z-]+ +5/5`))
    expect((await kantor(['job', 'show', job.id])).stdout).toMatch(/queued +starting +claimed/)

    const written = await kantor(['job', 'tensorboard', job.id, '--out', join(dataDir, 'runs')])
    expect(written.stdout.trim()).toMatch(
      new RegExp(`/runs/tiny-${job.id.slice(-8)}/events\\.out\\.tfevents\\.\\d+\\.${job.id}$`),
    )
    expect((await stat(written.stdout.trim())).size).toBeGreaterThan(5 * 5 * 20)
    expect(await kantor(['job', 'tensorboard', anId, '--out', dataDir])).toMatchObject({ code: 3, stdout: '' })

    const archive = join(dataDir, 'job.zip')
    expect(await kantor(['job', 'export', job.id, '-o', archive])).toMatchObject({ code: 0, stdout: `${archive}\n` })
    const brought = await kantor(['job', 'import', archive])
    const copy = brought.stdout.trim()
    expect(brought).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`succeeded at step 5; from job ${job.id}`),
    })
    expect((await kantor(['job', 'show', copy])).stdout).toMatch(new RegExp(`imported +job ${job.id}`))
    // A trainer goes on from the checkpoint that came along.
    const forked = await kantor(['job', 'fork', copy, '--set', 'budget.generatorSteps=8'])
    expect(await kantor(['job', 'watch', forked.stdout.trim()])).toMatchObject({ code: 0 })
    expect(await kantor(['job', 'import', join(dataDir, 'stack.json')])).toMatchObject({ code: 2, stdout: '' })
    expect(await kantor(['job', 'import', join(dataDir, 'no.zip')])).toMatchObject({ code: 2, stdout: '' })
  })

  testWithTensorFlow(
    'a checkpoint is verified by a worker: 0 when it is intact, 1 when its object is gone',
    async () => {
      const job = JSON.parse((await kantor(['job', 'submit', '-', '--wait', '--json'], aJob(5))).stdout) as Job
      const reply = await fetch(`${(await stackFile()).url}/jobs/${job.id}/checkpoints`)
      const { id } = ((await reply.json()) as { items: Checkpoint[] }).items[0]!
      expect(await kantor(['checkpoint', 'verify', id])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('intact'),
      })

      await rm(join(dataDir, 'objects', 'objects', 'jobs', job.id, 'checkpoints'), { recursive: true })
      const verified = await kantor(['checkpoint', 'verify', id, '--json'])
      const task = JSON.parse(verified.stdout) as Task

      expect(verified).toMatchObject({ code: 1, stderr: expect.stringContaining('its object is missing') })
      expect(task).toMatchObject({ state: 'succeeded', jobId: job.id, result: { intact: false } })
      expect((await kantor(['task', 'list'])).stdout).toMatch(new RegExp(`${task.id} +verify +${id} +succeeded +done`))
      expect(await kantor(['task', 'show', task.id])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('damaged'),
      })
      expect(await kantor(['task', 'cancel', task.id])).toMatchObject({ code: 5 })
    },
  )

  testWithTensorFlow(
    'watching too long ends with 7 and leaves the job running; a cancelled job ends a watch with 1',
    async () => {
      const id = (await kantor(['job', 'submit', '-'], aJob(10_000_000))).stdout.trim()

      expect(await kantor(['job', 'watch', id, '--timeout', '1'])).toMatchObject({ code: 7, stdout: '' })
      const watching = kantor(['job', 'watch', id])
      expect(await kantor(['job', 'cancel', id])).toMatchObject({ code: 0 })
      expect(await watching).toMatchObject({ code: 1, stderr: expect.stringContaining('cancelled') })
    },
  )

  testWithTensorFlow(
    'the sweep examples submit a grid, wait, and rank it',
    async () => {
      const { url } = await stackFile()
      const env = { KANTOR_URL: url ?? '' }
      const examples = join(repoRoot(), 'examples')
      const grid = ['--steps', '3', '--grid', 'optimizer.generatorLearningRate=1e-4,2e-4', '--json']
      const node = await run(process.execPath, [join(examples, 'sweep.mjs'), ...grid], '', env)
      const { trials } = JSON.parse(node.stdout) as { trials: { rank: number; state: string; wEstimate: number }[] }

      expect(node.code).toBe(0)
      expect(trials.map(({ rank, state }) => `${rank} ${state}`)).toEqual(['1 succeeded', '2 succeeded'])
      expect(trials[0]!.wEstimate).toBeLessThanOrEqual(trials[1]!.wEstimate)

      if (spawnSync('curl', ['--version']).error) return console.warn('NOT TESTED: examples/sweep.sh needs curl')
      const shell = await run('/bin/sh', [join(examples, 'sweep.sh')], '', { ...env, STEPS: '3' })
      const lines = shell.stdout.trim().split('\n')
      const estimates = lines.slice(1).map((line) => Number(line.split(/ +/)[1]))

      expect({ code: shell.code, numLines: lines.length }).toEqual({ code: 0, numLines: 5 })
      expect(estimates).toEqual(estimates.toSorted((a, b) => a - b))
    },
    180_000,
  )

  testWithTensorFlow(
    'a sweep is submitted as a grid, followed to its end, ranked and told',
    async () => {
      const file = join(dataDir, 'base.json')
      await writeFile(file, aJob(3))
      const grid = ['--grid', 'optimizer.generatorLearningRate=1e-4,2e-4', '--set', 'batchSize=8', '--max-running', '1']
      const submitted = await kantor(['sweep', 'submit', file, ...grid, '--wait', '--json'])
      const sweep = JSON.parse(submitted.stdout) as Sweep
      const { items } = JSON.parse(
        (await kantor(['sweep', 'trials', sweep.id, '--sort', 'best', '--json'])).stdout,
      ) as {
        items: Trial[]
      }

      expect(submitted.code).toBe(0)
      expect(submitted.stderr).toMatch(/2 of 2 over, 0 at work; best #[12]/)
      expect(sweep).toMatchObject({ name: 'tiny', state: 'finished', maxRunning: 1, spec: { batchSize: 8 } })
      expect(items[0]).toMatchObject({ trial: sweep.best!.trial, state: 'succeeded', step: 3, metricsStep: 3 })
      expect(items[0]!.value).toBeLessThanOrEqual(items[1]!.value!)
      expect((await kantor(['sweep', 'list'])).stdout).toMatch(new RegExp(`${sweep.id} +tiny +finished`))
      expect(await kantor(['sweep', 'cancel', sweep.id])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('finished'),
      })
      expect(await kantor(['sweep', 'resume', sweep.id])).toMatchObject({ code: 5 })
      expect(await kantor(['sweep', 'show', anId])).toMatchObject({ code: 3 })
    },
    180_000,
  )

  test('keys: made once in full, listed without secret, revoked once', async () => {
    const made = await kantor(['key', 'create', '--name', 'laptop', '--scope', 'read', '--max-running', '3'])
    const key = made.stdout.trim()
    const listed = await kantor(['key', 'list', '--json'])
    const [{ id }] = (JSON.parse(listed.stdout) as { items: [{ id: string }] }).items

    expect(key).toMatch(/^kantor_/)
    expect(listed.stdout).not.toContain(key)
    expect(listed.stdout).toMatch(/"maxRunning": 3/)
    expect(await kantor(['key', 'set', id, '--max-running', 'none'])).toMatchObject({ code: 0 })
    expect((await kantor(['key', 'list', '--json'])).stdout).toMatch(/"maxRunning": null/)
    // From now on the API wants a key.
    expect(await until(async () => ((await kantor(['job', 'list'])).code === 4 ? true : undefined))).toBe(true)
    expect(await kantor(['key', 'revoke', id])).toMatchObject({ code: 0 })
    expect(await kantor(['key', 'revoke', id])).toMatchObject({ code: 3 })
    // With the last key gone it answers this machine again, as soon as it has noticed.
    expect(await until(async () => ((await kantor(['job', 'list'])).code === 0 ? true : undefined))).toBe(true)
  })

  testWithTensorFlow('the worker is listed, drained and enabled', async () => {
    const { items } = JSON.parse((await kantor(['worker', 'list', '--json'])).stdout) as { items: Worker[] }
    const { id } = items.find(({ state }) => state === 'online')!

    expect(await kantor(['worker', 'drain', id])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('draining'),
    })
    expect((await kantor(['worker', 'list'])).stdout).toMatch(new RegExp(`${id} .*draining +cpu .*bitwise`))
    expect(await kantor(['worker', 'enable', id])).toMatchObject({ code: 0, stderr: expect.stringContaining('online') })
    expect(await kantor(['worker', 'drain', 'nobody'])).toMatchObject({ code: 3 })
  })

  test('alert rules and webhooks are added, listed and removed', async () => {
    const rule = await kantor(['alert', 'add', 'too high', '--above', '2', '--points', '5'])
    expect(rule).toMatchObject({ code: 0, stderr: expect.stringContaining('w_estimate above 2 (median of 5)') })
    const id = rule.stdout.trim()
    expect((await kantor(['alert', 'list'])).stdout).toMatch(new RegExp(`${id} +too high +yes`))
    expect(await kantor(['alert', 'fired', id])).toMatchObject({ code: 0, stdout: '' })
    expect(await kantor(['alert', 'add', 'two', '--above', '2', '--stalled', '60'])).toMatchObject({ code: 2 })
    expect(await kantor(['alert', 'remove', id])).toMatchObject({ code: 0 })
    expect(await kantor(['alert', 'remove', id])).toMatchObject({ code: 3 })

    const made = await kantor(['webhook', 'add', 'https://example.invalid/', '--events', 'alert.fired', '--json'])
    const hook = JSON.parse(made.stdout) as CreatedWebhook
    expect(hook.secret).toMatch(/^whsec_/)
    expect((await kantor(['webhook', 'list'])).stdout).toMatch(new RegExp(`${hook.id} +https.* +alert.fired`))
    expect(await kantor(['webhook', 'deliveries', hook.id])).toMatchObject({ code: 0, stdout: '' })
    expect(await kantor(['webhook', 'test', hook.id])).toMatchObject({ code: 1 })
    expect(await kantor(['webhook', 'add', 'http://127.0.0.1/'])).toMatchObject({ code: 2 })
    expect(await kantor(['webhook', 'remove', hook.id])).toMatchObject({ code: 0 })
  })

  testWithTensorFlow('a worker that is killed is replaced', async () => {
    const [before] = (await stackFile()).pids.workers
    process.kill(before!, 'SIGKILL')
    const after = await until(async () => (await stackFile()).pids.workers.find((pid) => pid !== before))

    expect(isAlive(after)).toBe(true)
    expect(said).toMatch(/worker 1 ended unexpectedly \(SIGKILL\)/)
  })

  test('Ctrl-C stops every process, exits 0 and frees the directory', async () => {
    const { pids } = await stackFile()
    const all = [pids.main, pids.api, pids.postgres, ...pids.workers].filter((pid) => pid !== undefined)
    stack.kill('SIGINT')
    const [code] = (await once(stack, 'exit')) as [number]

    expect(code).toBe(0)
    expect(all.filter(isAlive)).toEqual([])
    await expect(stackFile()).rejects.toThrow(/ENOENT/)
  })
})
