import { execFile } from 'node:child_process'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Attempt, Dossier, Job, JobEvent } from '@kantor/contracts'
import { ended, type LocalStack, smallJob, startLocalStack, waitFor } from './stack/local-stack.js'

const cli = join(import.meta.dirname, '../apps/cli/bin/kantor.mjs')

describe('the verbs of kantor job, against a stack that trains', () => {
  let stack: LocalStack
  let job: Job
  let fork: Job
  beforeAll(async () => {
    stack = await startLocalStack()
    job = await stack.client.createJob({ body: smallJob(20, 10) })
    await waitFor(stack.client, job.id, ended)
  }, 180_000)
  afterAll(() => stack?.stop())

  /** What the command writes to stdout, and its exit code. */
  const kantor = (...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> =>
    promisify(execFile)(process.execPath, [cli, '--url', stack.url, 'job', ...args]).then(
      ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
      (error: { stdout: string; stderr: string; code: number }) => error,
    )
  const json = async <T>(...args: string[]) => JSON.parse((await kantor(...args, '--json')).stdout) as T

  test('fork trains on from the newest checkpoint, with changes to the spec', async () => {
    const changes = ['--set', 'budget.generatorSteps=30', '--set', 'optimizer.kind=adam', '--name', 'forked']
    const { stdout } = await kantor('fork', job.id, ...changes)

    fork = await waitFor(stack.client, stdout.trim(), ended)

    expect(fork).toMatchObject({
      state: 'succeeded',
      name: 'forked',
      startFrom: { jobId: job.id },
      progress: { step: 30 },
    })
    expect(fork.spec).toEqual({
      ...job.spec,
      budget: { generatorSteps: 30 },
      optimizer: { ...job.spec.optimizer, kind: 'adam', beta1: 0.5, beta2: 0.999 },
    })
    const curve = await stack.client.getCurve({ params: { id: fork.id }, query: { maxPoints: 5000, resolution: 1 } })
    expect(curve.series.w_estimate!.x).toEqual(Array.from({ length: 10 }, (_, i) => 21 + i))
    expect(curve.series.w_estimate!.bad.every((count) => count === 0)).toBe(true)
    const samples = await stack.client.listSamples({ params: { id: fork.id } })
    expect(samples.items.map(({ step }) => step)).toEqual([30, 20])
  })

  test('events and attempts tell what happened', async () => {
    const events = await json<{ items: JobEvent[] }>('events', fork.id)
    const attempts = await json<{ items: Attempt[] }>('attempts', fork.id)

    expect(events.items.map(({ to }) => to)).toEqual(['queued', 'starting', 'running', 'succeeded'])
    expect(events.items[0]!.message).toContain('adam in place of rmsprop')
    expect(attempts.items).toMatchObject([
      {
        attempt: 1,
        fromStep: 20,
        toStep: 30,
        outcome: 'succeeded',
        exit: { code: 0, signal: null },
        usage: { gpuSeconds: 0 },
      },
    ])
    const [{ usage, host }] = attempts.items as [Attempt]
    expect(usage.cpuSeconds).toBeGreaterThan(0)
    expect((await kantor('attempts', fork.id)).stdout).toContain(host)
  })

  test('logs: the newest lines of a job that is over; followed, every line of one that trains, until it is over', async () => {
    const tail = await kantor('logs', job.id, '--tail', '1')
    expect(tail.stdout.trim().split('\n')).toEqual([expect.stringMatching(/#1 +info +done at step 20: budget$/)])
    const wanted = await kantor('logs', job.id, '--grep', 'TRAINING FROM', '--json')
    expect(JSON.parse(wanted.stdout)).toMatchObject({
      attempt: 1,
      source: 'trainer',
      text: expect.stringMatching(/^training from step 0/),
    })

    const { stdout } = await kantor('fork', job.id, '--set', 'budget.generatorSteps=200')
    const followed = await kantor('logs', stdout.trim(), '--follow')

    expect(followed.code).toBe(0)
    expect(followed.stdout).toMatch(/training from step 20[^]*done at step 200: budget\n$/)
    expect(followed.stderr).toContain('succeeded (budget_reached)')
    const { items } = await stack.client.getLogs({ params: { id: stdout.trim() }, query: { tail: 2000 } })
    expect(followed.stdout.trim().split('\n')).toHaveLength(items.length)
  })

  test('dossier: why a job failed, on a page and as JSON', async () => {
    const data = join(stack.dataDir, 'objects', 'objects', 'datasets')
    await rename(data, `${data}.away`)
    const { spec } = smallJob(20, 10)
    const body = { name: 'without data', spec: { ...spec, model: { ...spec.model, imageSize: 32 } } }
    const failed = await waitFor(stack.client, (await stack.client.createJob({ body })).id, ended)
    await rename(`${data}.away`, data)
    expect(failed).toMatchObject({ state: 'failed', reason: 'dataset_error' })

    const page = await kantor('dossier', failed.id)
    expect(page.code).toBe(0)
    expect(page.stdout).toContain('without data failed (dataset_error): The dataset could not be read')
    expect(page.stdout).toContain('→ Import the dataset again')
    expect(page.stdout).toMatch(/KEY +HERE +THERE\n\/model\/imageSize +32 +16\n/)
    const dossier = await json<Dossier>('dossier', failed.id)
    expect(dossier).toMatchObject({
      job: { id: failed.id },
      attempts: [{ attempt: 1, outcome: 'failed', reason: 'dataset_error', fencedWrites: 0 }],
      nearest: { name: 'small', differences: [{ pointer: '/model/imageSize', here: 32, there: 16 }] },
    })
    expect((await json<{ items: Attempt[] }>('attempts', failed.id)).items).toEqual(dossier.attempts)
    expect(await kantor('dossier', job.id)).toMatchObject({ code: 5, stderr: expect.stringContaining('only a failed') })
  })

  test('a job that is paused waits, and stops with what it has', async () => {
    const { stdout } = await kantor('fork', job.id, '--set', 'budget.generatorSteps=1000000')
    const id = stdout.trim()
    await waitFor(stack.client, id, ({ state }) => state === 'running')

    expect(['pausing', 'paused']).toContain((await json<Job>('pause', id)).state)
    const paused = await waitFor(stack.client, id, ({ state }) => state === 'paused')
    expect(paused).toMatchObject({
      reason: 'user',
      message: `goes on from the checkpoint of step ${paused.progress!.step}`,
    })
    expect((await json<Job>('resume', id)).state).toBe('queued')
    await waitFor(stack.client, id, ({ state, attempt }) => state === 'running' && attempt === 2)
    expect(['stopping', 'stopped']).toContain((await json<Job>('stop', id)).state)
    const stopped = await waitFor(stack.client, id, ended)
    expect(stopped).toMatchObject({ state: 'stopped', message: expect.stringContaining('its model is the checkpoint') })
    const retried = (await kantor('retry', id)).stdout.trim()
    expect((await json<Job>('cancel', retried)).id).toBe(retried)
    expect(await waitFor(stack.client, retried, ended)).toMatchObject({ state: 'cancelled', startFrom: { jobId: id } })
  })

  test('set, archive and delete', async () => {
    expect(await json<Job>('set', fork.id, '--name', 'kept', '--tag', 'a=1', '--tag', 'b=2')).toMatchObject({
      name: 'kept',
      tags: { a: '1', b: '2' },
    })
    expect((await json<Job>('set', fork.id, '--untag', 'a')).tags).toEqual({ b: '2' })
    expect((await kantor('set', fork.id)).code).toBe(2)
    await kantor('archive', fork.id)
    expect((await kantor('list')).stdout).not.toContain(fork.id)
    expect((await kantor('list', '--archived')).stdout).toContain(fork.id)

    expect(await kantor('delete', job.id)).toMatchObject({ code: 5, stderr: expect.stringContaining(fork.id) })
    expect((await kantor('delete', fork.id)).code).toBe(0)
    expect(await kantor('show', fork.id)).toMatchObject({ code: 3 })
  })
})
