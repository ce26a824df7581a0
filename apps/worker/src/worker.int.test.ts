// Whole worker processes from dist: `npx tsc -b apps/worker` first.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import {
  addCheckpoint,
  claimJob,
  createTask,
  getJob,
  getTask,
  listCheckpoints,
  listWorkers,
  newestCheckpoint,
  reconcile,
  reconcileTasks,
  removeWorker,
  setDraining,
} from '@kantor/db'
import { openQueue, type TicketQueue } from '@kantor/queue'
import { checkInvariants, type Services, startServices } from '@kantor/testing'
import { isAlive, LEASE_SECONDS, type LogLine, openRig, type Rig, stateOf, until } from './testing/rig.js'
import { compiled } from './trainer-process.js'

const long = { budget: { generatorSteps: 100_000 }, sampling: { every: 1000, count: 4 } }

interface WorkerProcess {
  child: ChildProcess
  lines: LogLine[]
  stderr(): string
}

describe('the worker process', () => {
  let services: Services
  let rig: Rig
  let queue: TicketQueue
  const running: WorkerProcess[] = []
  beforeAll(async () => {
    services = await startServices({ redis: false, s3: false })
    rig = await openRig(services.databaseUrl, services.directory)
    queue = await openQueue({ databaseUrl: services.databaseUrl })
  })
  afterEach(async () => {
    for (const { child } of running.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  afterAll(async () => {
    await queue?.close()
    await rig?.close()
    await services?.stop()
  })

  /** As the dispatcher does. */
  async function issueTicket(jobId: string): Promise<void> {
    const { rows } = await rig.db.pool.query<{ ticketNo: number }>(
      `UPDATE job SET ticket_no = ticket_no + 1, ticket_class = 'cpu', ticketed_at = clock_timestamp() WHERE id = $1
       RETURNING ticket_no AS "ticketNo"`,
      [jobId],
    )
    await queue.enqueue([{ jobId, ticketNo: rows[0]!.ticketNo, deviceClass: 'cpu' }])
  }
  const trainerOf = ({ lines }: WorkerProcess) => until(() => lines.find(({ msg }) => msg === 'training')?.pid)

  function startProcess(env: NodeJS.ProcessEnv = {}, stderr: 'pipe' | number = 'pipe'): WorkerProcess {
    const child = fork(compiled('main.js'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', stderr, 'ipc'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: services.databaseUrl,
        KANTOR_DATA_DIR: rig.dataDir,
        KANTOR_LEASE_SECONDS: String(LEASE_SECONDS),
        ...env,
      },
    })
    const lines: LogLine[] = []
    let text = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      lines.splice(0, Infinity, ...text.split('\n').flatMap(parseLine))
    })
    const worker = { child, lines, stderr: () => text }
    running.push(worker)
    return worker
  }

  async function startWorker(stderr?: number): Promise<WorkerProcess> {
    const worker = startProcess({}, stderr)
    const [message] = (await once(worker.child, 'message')) as [unknown]
    expect(message).toEqual({ type: 'ready', workerId: expect.any(String) })
    return worker
  }

  test('SIGTERM: the job goes back to the queue with a checkpoint of its last step, exit 0', async () => {
    const worker = await startWorker()
    const job = await rig.submit(long)
    await issueTicket(job.id)
    const trainer = await trainerOf(worker)
    await until(async () => (await rig.curve(job.id)).w_estimate?.x.length)

    worker.child.kill('SIGTERM')
    const [code] = (await once(worker.child, 'exit')) as [number | null]

    expect(code).toBe(0)
    expect(isAlive(trainer)).toBe(false)
    expect(await stateOf(rig.db, job.id)).toEqual({ state: 'queued', reason: 'preempted', attempt: 1 })
    const steps = (await rig.curve(job.id)).w_estimate!.x
    expect((await newestCheckpoint(rig.db, job.id))!.step).toBe(steps.at(-1))
    expect(steps).toEqual(steps.map((_, i) => i + 1))
    expect(await rig.db.prisma.worker.findMany()).toEqual([])
  })

  test('kill -9 of the supervisor: its trainer ends, and another worker finishes the job', async () => {
    const spec = { budget: { generatorSteps: 400 }, checkpoint: { everySteps: 25 } }
    const first = await startWorker()
    const job = await rig.submit(spec)
    await issueTicket(job.id)
    const trainer = await trainerOf(first)
    await until(() => newestCheckpoint(rig.db, job.id))

    first.child.kill('SIGKILL')
    await until(() => !isAlive(trainer))
    expect((await stateOf(rig.db, job.id)).state).toBe('running')
    await until(async () => (await reconcile(rig.db)).requeued)
    expect(await stateOf(rig.db, job.id)).toEqual({ state: 'queued', reason: 'lease_expired', attempt: 1 })
    const { step } = (await newestCheckpoint(rig.db, job.id))!
    const second = await startWorker()
    await issueTicket(job.id)
    await until(async () => (await stateOf(rig.db, job.id)).state === 'succeeded')

    expect(second.lines.find(({ msg }) => msg === 'training')).toMatchObject({ step, attempt: 2 })
    expect((await rig.curve(job.id)).w_estimate!.x).toHaveLength(400)
    expect((await listCheckpoints(rig.db, job.id, { limit: 1 })).items[0]!.step).toBe(400)
    expect((await getJob(rig.db, job.id))!.attempt).toBe(2)
  })

  test('kill -9 with a task in hand: another worker finishes it', async () => {
    const job = await rig.submit()
    const { epoch } = (await claimJob(rig.db, { jobId: job.id, workerId: 'trainer', leaseSeconds: 600 }))!
    const [bytes, key] = [Buffer.from('weights'), `jobs/${job.id}/checkpoints/1`]
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    await rig.store.put(key, bytes, { contentType: 'application/octet-stream', sha256 })
    const row = { id: randomUUID(), step: 1, key, sizeBytes: bytes.length, sha256, points: [] }
    const checkpoint = await addCheckpoint(rig.db, { jobId: job.id, epoch }, row)
    const task = await createTask(rig.db, { kind: 'verify', checkpointId: checkpoint.id })

    const { child } = startProcess({ KANTOR_CRASH_AT: 'task-claimed' })
    const [, signal] = (await once(child, 'exit')) as [null, string]
    expect([signal, await getTask(rig.db, task.id)]).toMatchObject(['SIGKILL', { state: 'running', attempt: 1 }])
    await until(async () => (await reconcileTasks(rig.db)).requeued)
    startProcess()
    await until(async () => (await getTask(rig.db, task.id))!.state === 'succeeded')

    expect(await getTask(rig.db, task.id)).toMatchObject({ attempt: 2, result: { intact: true } })
    expect((await checkInvariants(rig.db, rig.store)).filter((fault) => fault.startsWith('task'))).toEqual([])
    await rig.db.pool.query('DELETE FROM job WHERE id = $1', [job.id])
  })

  test.each(['closed', 'full'] as const)('F34: a log that is %s holds nothing up', async (kind) => {
    const pipe = kind === 'full' ? fullPipe(join(services.directory, 'full-log')) : undefined
    const { child } = await startWorker(pipe?.end)
    if (kind === 'closed') child.stderr!.destroy()
    const job = await rig.submit({ budget: { generatorSteps: 60 } })
    await issueTicket(job.id)

    await until(async () => (await stateOf(rig.db, job.id)).state === 'succeeded')

    expect(await stateOf(rig.db, job.id)).toMatchObject({ attempt: 1 })
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number | null]
    expect(code).toBe(0)
    pipe?.close()
  })

  test('registers again when its row was removed, as that of a worker silent for a day is', async () => {
    const { lines } = await startWorker()
    const id = await until(() => lines.find(({ msg }) => msg === 'taking jobs')?.['workerId'] as string | undefined)
    const row = () => rig.db.prisma.worker.findUnique({ where: { id } })
    const before = await row()
    await removeWorker(rig.db, id)

    await until(row)

    expect(await row()).toEqual({ ...before, registeredAt: expect.any(Date), heartbeatAt: expect.any(Date) })
  })

  test('proves itself before it takes jobs: the same step twice, the same bits', async () => {
    const { lines } = await startWorker()
    const id = await until(() => lines.find(({ msg }) => msg === 'taking jobs')?.['workerId'] as string | undefined)

    expect((await listWorkers(rig.db)).find((worker) => worker.id === id)).toMatchObject({
      state: 'online',
      determinism: 'bitwise',
      message: null,
      busy: 0,
    })
  })

  test('that cannot keep an object it is listed with the reason, and takes nothing', async () => {
    // Where the probe object would go stands a file: no folder can be made there.
    const folder = join(rig.dataDir, 'objects', 'objects', 'self-tests')
    await rm(folder, { recursive: true, force: true })
    await writeFile(folder, '')
    const { lines } = await startWorker()
    const id = await until(
      () => lines.find(({ msg }) => msg.startsWith('the self-test failed'))?.['workerId'] as string,
    )
    const job = await rig.submit()
    await issueTicket(job.id)
    await new Promise((resolve) => setTimeout(resolve, 1000))

    expect((await listWorkers(rig.db)).find((worker) => worker.id === id)).toMatchObject({
      state: 'unusable',
      message: expect.stringContaining('object store'),
    })
    expect((await stateOf(rig.db, job.id)).state).toBe('queued')
    await rm(folder)
    await rig.db.pool.query(`UPDATE job SET state = 'cancelled', finished_at = now() WHERE id = $1`, [job.id])
  })

  test('draining it finishes what it runs and takes nothing new; enabled it takes jobs again', async () => {
    const { lines } = await startWorker()
    const id = await until(() => lines.find(({ msg }) => msg === 'taking jobs')?.['workerId'] as string | undefined)
    const [held, next] = [await rig.submit({ budget: { generatorSteps: 3000 } }), await rig.submit()]
    await issueTicket(held.id)
    await until(async () => (await stateOf(rig.db, held.id)).state === 'running')

    await setDraining(rig.db, id, true)
    await issueTicket(next.id)
    await until(async () => (await stateOf(rig.db, held.id)).state === 'succeeded')
    await until(() => lines.some(({ msg }) => msg.startsWith('draining')))
    expect(await stateOf(rig.db, next.id)).toMatchObject({ state: 'queued', attempt: 0 })

    await setDraining(rig.db, id, false)
    await until(() => lines.some(({ msg }) => msg === 'takes jobs again'))
    await issueTicket(next.id)
    await until(async () => (await stateOf(rig.db, next.id)).state === 'succeeded')
  })

  test('ends when its parent is gone, also while it still looks for its device', async () => {
    const { child } = startProcess({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
    child.disconnect()

    const [code] = (await once(child, 'exit')) as [number | null]

    expect(code).toBe(1)
  })

  test('E1, E4: without a database, and on a GPU that is not there, it says so and exits 78', async () => {
    const blind = startProcess({ DATABASE_URL: undefined })
    const slow = startProcess({ KANTOR_DEVICE: 'gpu', CUDA_VISIBLE_DEVICES: '-1' })

    const codes = await Promise.all(
      [blind, slow].map(({ child }) => once(child, 'close').then(([code]) => code as number)),
    )

    expect(codes).toEqual([78, 78])
    expect(blind.stderr()).toContain('DATABASE_URL: is missing')
    expect(slow.stderr()).toContain('sees no GPU')
    expect(slow.stderr()).toContain('npx kantor doctor')
  })
})

/** A pipe into which nothing fits any more, and which nobody reads; writing to `end` waits. */
function fullPipe(path: string): { end: number; close(): void } {
  execFileSync('mkfifo', [path])
  const held = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const end = openSync(path, constants.O_WRONLY)
  try {
    for (;;) writeSync(held, Buffer.alloc(4096, 46))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return {
    end,
    close() {
      closeSync(end)
      closeSync(held)
    },
  }
}

function parseLine(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine]
  } catch {
    return []
  }
}
