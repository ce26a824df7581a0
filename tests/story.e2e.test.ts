import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lossNames } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { ended, type LocalStack, longerJob, smallJob, startLocalStack, until, waitFor } from './stack/local-stack.js'
import { readHeader } from './stack/safetensors-header.js'

/** Generator steps of a job that is still at work when its first checkpoint is seen. */
const LONG = 600

/** The whole curve of a job, one bucket per step. */
async function fullCurve(stack: LocalStack, id: string) {
  const curve = await stack.client.getCurve({
    params: { id },
    query: { metrics: lossNames, maxPoints: 5000, from: 0, resolution: 1 },
  })
  expect(curve.resolution).toBe(1)
  return curve
}

async function expectWholeStory(stack: LocalStack, id: string, numSteps: number) {
  const curve = await fullCurve(stack, id)
  expect(curve.complete).toBe(true)
  expect(curve.series.w_estimate!.x).toEqual(Array.from({ length: numSteps }, (_, index) => index + 1))
  expect(curve.series.w_estimate!.bad.every((count) => count === 0)).toBe(true)
  // Two facts of the definition hold at every point: the estimate is the difference of the parts and the loss is its negative.
  const { w_estimate, critic_loss, critic_real, critic_fake } = curve.series
  for (const [i, estimate] of w_estimate!.last.entries()) {
    expect(Number(critic_fake!.last[i]) - Number(critic_real!.last[i])).toBeCloseTo(Number(estimate), 5)
    expect(Number(critic_loss!.last[i])).toBeCloseTo(-Number(estimate), 5)
  }

  const samples = await stack.client.listSamples({ params: { id } })
  expect(samples.items.at(-1)!.step).toBe(0)
  expect(samples.items[0]!.step).toBe(numSteps)
  const png = await stack.client.downloadSample({ params: { id: samples.items[0]!.id } })
  expect(Buffer.from(png.subarray(1, 4)).toString()).toBe('PNG')

  const checkpoints = await stack.client.listCheckpoints({ params: { id } })
  expect(checkpoints.items[0]!.step).toBe(numSteps)
  return { curve, checkpoint: checkpoints.items[0]! }
}

describe('one job through the whole stack, embedded services', () => {
  let stack: LocalStack
  beforeAll(async () => {
    stack = await startLocalStack({ KANTOR_LEASE_SECONDS: '6' })
  }, 120_000)
  afterAll(() => stack?.stop())

  test('POST /jobs trains on MNIST: curve, samples and a checkpoint that plain PyTorch reads', async () => {
    const job = await stack.client.createJob({ body: smallJob(20, 10) })
    expect(job.state).toBe('queued')

    const done = await waitFor(stack.client, job.id, ended)
    expect(done).toMatchObject({ state: 'succeeded', reason: 'budget_reached', attempt: 1 })
    const { checkpoint } = await expectWholeStory(stack, job.id, 20)

    const bytes = await stack.client.downloadCheckpoint({ params: { id: checkpoint.id } })
    const header = readHeader(bytes)
    expect(header['netG.main.initial:8-8:convt.weight']).toMatchObject({ dtype: 'F32', shape: [8, 8, 4, 4] })
    expect(header['netG.main.final:4-1:convt.weight']).toMatchObject({ dtype: 'F32', shape: [4, 1, 4, 4] })
    expect(header['netD.main.initial:1-4:conv.weight']).toMatchObject({ dtype: 'F32', shape: [4, 1, 4, 4] })
    expect(header['netD.main.pyramid:8:batchnorm.running_var']).toMatchObject({ dtype: 'F32', shape: [8] })

    const file = join(stack.dataDir, 'checkpoint.safetensors')
    await writeFile(file, bytes)
    loadInPyTorch(file)
  })

  test('kill -9 of the worker: the job resumes from its checkpoint and ends as if nothing had happened', async () => {
    const { client } = stack
    const job = longerJob(LONG)
    const reference = await client.createJob({ body: job })
    await waitFor(client, reference.id, ended)
    const victim = await client.createJob({ body: job })
    await until(async () => (await client.listCheckpoints({ params: { id: victim.id } })).items.length > 0)
    expect((await client.getJob({ params: { id: victim.id } })).state).toBe('running')

    for (const pid of await stack.workers()) process.kill(pid, 'SIGKILL')
    const done = await waitFor(client, victim.id, ended)

    expect(done.state).toBe('succeeded')
    expect(done.attempt).toBeGreaterThanOrEqual(2)
    const [first, second] = [
      await expectWholeStory(stack, reference.id, LONG),
      await expectWholeStory(stack, victim.id, LONG),
    ]
    expect(second.curve.series).toEqual(first.curve.series)
    const weights = async (id: string) => tensorsOf(await client.downloadCheckpoint({ params: { id } }))
    expect(await weights(second.checkpoint.id)).toEqual(await weights(first.checkpoint.id))
  })

  test('it stops cleanly: exit code 0 and nothing left running', async () => {
    const pids = await stack.workers()

    expect(await stack.stop()).toBe(0)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow()
  })
})

describe('the same through Redis and S3', () => {
  let services: Services
  let stack: LocalStack | undefined
  beforeAll(async () => {
    services = await startServices()
    if (services.redisUrl === undefined) return
    const { endpoint, bucket, accessKeyId, secretAccessKey } = services.s3
    stack = await startLocalStack({
      DATABASE_URL: services.databaseUrl,
      REDIS_URL: services.redisUrl,
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY_ID: accessKeyId,
      S3_SECRET_ACCESS_KEY: secretAccessKey,
    })
  }, 120_000)
  afterAll(async () => {
    await stack?.stop()
    await services?.stop()
  })

  test('a job trains and reads back', async () => {
    if (!stack) {
      console.warn('SKIPPED: redis-server is not on the PATH')
      return
    }
    const job = await stack.client.createJob({ body: smallJob(20, 10) })

    const done = await waitFor(stack.client, job.id, ended)

    expect(done.state).toBe('succeeded')
    await expectWholeStory(stack, job.id, 20)
  })
})

/** Every tensor of a checkpoint as bytes, without the metadata (which names the attempt's process and versions). */
function tensorsOf(bytes: Uint8Array): Record<string, string> {
  const { start, ...header } = readHeader(bytes, true)
  return Object.fromEntries(
    Object.entries(header as unknown as Record<string, { data_offsets: [number, number] }>).map(([name, entry]) => {
      const [from, to] = entry.data_offsets
      return [name, Buffer.from(bytes.subarray(Number(start) + from, Number(start) + to)).toString('base64')]
    }),
  )
}

/** With KANTOR_TORCH_PYTHON (a Python with torch and safetensors), PyTorch itself loads the weights, strictly, and runs them. */
function loadInPyTorch(file: string): void {
  const python = process.env['KANTOR_TORCH_PYTHON']
  if (!python) {
    console.warn(
      'PyTorch was not asked (KANTOR_TORCH_PYTHON is not set): names and shapes were checked by the header alone',
    )
    return
  }
  const script = join(import.meta.dirname, 'torch/load_checkpoint.py')
  expect(execFileSync(python, [script, file], { encoding: 'utf8' }).trim()).toBe('(4, 1, 16, 16) (4, 1, 1, 1) True')
}
