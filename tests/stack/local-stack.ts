import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '@kantor/client'
import { type CreateJobInput, isTerminal, type Job } from '@kantor/contracts'

const cli = join(import.meta.dirname, '../../apps/cli/bin/kantor.mjs')

export interface LocalStack {
  readonly url: string
  readonly client: Client
  readonly dataDir: string
  /** Process numbers of the workers that run now. */
  workers(): Promise<number[]>
  /** Everything that `kantor up` wrote to stderr. */
  log(): string
  stop(): Promise<number | null>
}

/** `kantor up` as a user starts it: a process of its own, on a data directory of its own, on a free port. */
export async function startLocalStack(environment: NodeJS.ProcessEnv = {}): Promise<LocalStack> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kantor-e2e-'))
  const child = spawn(process.execPath, [cli, 'up', '--port', '0', '--data-dir', dataDir], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)))
  const url = await firstLine(child, () => stderr)
  const stackFile = async () =>
    JSON.parse(await readFile(join(dataDir, 'stack.json'), 'utf8')) as { pids: { workers: number[] } }
  return {
    url,
    client: createClient({ url }),
    dataDir,
    workers: async () => (await stackFile()).pids.workers,
    log: () => stderr,
    async stop() {
      const exit = once(child, 'exit') as Promise<[number | null]>
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGTERM')
      const [code] = await exit
      await rm(dataDir, { recursive: true, force: true })
      return code
    },
  }
}

async function firstLine(child: ChildProcess, stderr: () => string): Promise<string> {
  return new Promise((done, fail) => {
    let stdout = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += String(chunk)
      if (stdout.includes('\n')) done(stdout.split('\n', 1)[0]!.trim())
    })
    child.on('exit', (code) => fail(new Error(`kantor up ended with ${code} before it was ready:\n${stderr()}`)))
  })
}

/** A WGAN on MNIST that takes seconds: 16 × 16 pixels, a few filters, short bursts. */
export const smallJob = (generatorSteps: number, everySteps: number): CreateJobInput => ({
  name: 'small',
  spec: {
    dataset: 'mnist',
    seed: 7,
    model: { imageSize: 16, latentSize: 8, generatorFilters: 4, criticFilters: 4 },
    schedule: { criticSteps: 2, warmup: { generatorSteps: 2, criticSteps: 4 }, every: { generatorSteps: 0 } },
    batchSize: 16,
    budget: { generatorSteps },
    sampling: { every: everySteps, count: 16 },
    checkpoint: { everySteps, keep: 100 },
  },
})

/** Some ten seconds of training: time enough to be struck. Its first checkpoint comes after a twelfth. */
export const longerJob = (generatorSteps: number): CreateJobInput => {
  const { spec, ...rest } = smallJob(generatorSteps, generatorSteps / 12)
  const model = { imageSize: 32, latentSize: 16, generatorFilters: 8, criticFilters: 8 }
  return { ...rest, spec: { ...spec, model, batchSize: 32 } }
}

/** Looks again and again, twenty times a second. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(50)
}

/** Polls until `reached` says so; fails with the job's own message when it ends otherwise. */
export async function waitFor(client: Client, id: string, reached: (job: Job) => boolean): Promise<Job> {
  for (;;) {
    const job = await client.getJob({ params: { id } })
    if (reached(job)) return job
    if (isTerminal(job.state)) throw new Error(`the job ended as ${job.state} (${job.reason}): ${job.message}`)
    await sleep(100)
  }
}

export const ended = (job: Job): boolean => isTerminal(job.state)
