import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CreateJob, type CurvePoint, JobSpec, lossNames } from '@kantor/contracts'
import {
  addCheckpoint,
  appendPoints,
  claimJob,
  claimTask,
  createJob,
  createTask,
  type Database,
  type Fence,
  finishAttempt,
  finishTask,
  listCheckpoints,
  markRunning,
  migrate,
  openDatabase,
  registerDataset,
  rollbackCurve,
} from '@kantor/db'
import { type ObjectStore, openStore } from '@kantor/storage'
import { type Services, startServices } from '../services.js'
import { weightsHash } from '../weights-hash.js'
import { checkInvariants } from './check-invariants.js'

const version = 'ab'.repeat(8)
const STEPS = 6
let services: Services
let db: Database
let store: ObjectStore
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  await migrate(services.databaseUrl)
  db = await openDatabase(services.databaseUrl)
  store = await openStore({ directory: join(services.directory, 'objects') })
  const dataset = { id: 'digits', version, contentHash: 'ab'.repeat(32), numImages: 100, channels: 1, labels: [] }
  await registerDataset(db, { ...dataset, source: 'made for a test', sizeBytes: 1 })
  // What the database itself forbids is let through, so that the checker has it to find.
  await db.pool.query(`ALTER TABLE job DROP CONSTRAINT job_lease_check, DROP CONSTRAINT job_owner_check,
    DROP CONSTRAINT job_finished_check`)
  await db.pool.query(`ALTER TABLE task DROP CONSTRAINT task_lease_check, DROP CONSTRAINT task_finished_check,
    DROP CONSTRAINT task_result_check`)
})
afterAll(async () => {
  await store?.close()
  await db?.close()
  await services?.stop()
})

const points = (from: number, to: number): CurvePoint[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    criticStep: (from + i) * 5,
    values: Float32Array.from(lossNames, (_name, series) => (from + i) / (series + 1)),
  }))

/** A safetensors file with one tensor. */
function weights(value: number): Buffer {
  const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const data = Buffer.alloc(4)
  data.writeFloatLE(value)
  return Buffer.concat([length, header, data])
}

async function saveAt(fence: Fence, step: number, unwritten: CurvePoint[]): Promise<void> {
  const bytes = weights(step)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const key = `jobs/${fence.jobId}/checkpoints/${step}-${fence.epoch}`
  await store.put(key, bytes, { contentType: 'application/octet-stream', sha256 })
  const id = crypto.randomUUID()
  await addCheckpoint(db, fence, { id, step, key, sizeBytes: bytes.length, sha256, points: unwritten })
}

async function claim(jobId: string, workerId: string): Promise<Fence> {
  const claimed = await claimJob(db, { jobId, workerId, leaseSeconds: 60 })
  return { jobId, epoch: claimed!.epoch }
}

async function submit(): Promise<string> {
  const spec = { dataset: `digits@${version}`, seed: 1, batchSize: 16, budget: { generatorSteps: STEPS } }
  const { preset: _, ...job } = CreateJob.parse({ name: 'a test', spec })
  return (await createJob(db, { job: { ...job, spec: JobSpec.parse(job.spec) }, lint: [], actor: 'tester' })).id
}

/** A job that was preempted beyond its first checkpoint, resumed from it, and succeeded. */
async function succeeded(): Promise<string> {
  const id = await submit()
  const first = await claim(id, 'a')
  await markRunning(db, first)
  await saveAt(first, 3, points(1, 3))
  await appendPoints(db, first, points(4, 5))
  await finishAttempt(db, first, { to: 'queued', reason: 'preempted' })
  const second = await claim(id, 'b')
  await rollbackCurve(db, second, 3)
  await markRunning(db, second)
  await appendPoints(db, second, points(4, 4))
  await saveAt(second, STEPS, points(5, STEPS))
  await finishAttempt(db, second, { to: 'succeeded', reason: 'budget_reached' })
  return id
}

/** What is found at this job alone; other tests leave theirs broken. */
async function faultsOf(id: string, options: Parameters<typeof checkInvariants>[2] = {}): Promise<string[]> {
  const faults = await checkInvariants(db, store, options)
  return faults.filter((fault) => fault.includes(id)).map((fault) => fault.replace(`job ${id}`, 'job'))
}

describe('checkInvariants', () => {
  test('finds nothing wrong with jobs that are queued, at work, and done', async () => {
    const done = await succeeded()
    const working = await submit()
    await claim(working, 'a')
    const queued = await submit()
    const golden = new Map([[done, weightsHash(weights(STEPS))]])

    expect(await checkInvariants(db, store, { acknowledged: [done, working, queued], bitwise: true, golden })).toEqual(
      [],
    )
  })

  test('a job that goes on from the checkpoint of another begins behind it, and nowhere else', async () => {
    const id = await submit()
    const fence = await claim(id, 'a')
    await db.pool.query('UPDATE attempt SET resume_step = 3 WHERE job_id = $1', [id])
    await appendPoints(db, fence, points(4, 5))
    expect(await faultsOf(id)).toEqual([])

    await db.pool.query('UPDATE attempt SET resume_step = 2 WHERE job_id = $1', [id])
    expect(await faultsOf(id)).toEqual(['job: its curve has 2 steps from 4 to 5: some are missing'])
  })

  test('a job that was acknowledged and is gone', async () => {
    const id = crypto.randomUUID()

    expect(await faultsOf(id, { acknowledged: [id] })).toEqual(['job was acknowledged and is gone'])
  })

  test('settled: a job without an end, and a lease that is still out', async () => {
    const queued = await submit()
    const working = await submit()
    await claim(working, 'a')

    expect(await faultsOf(queued, { settled: true })).toEqual(['job: never came to an end, it is queued'])
    expect(await faultsOf(working, { settled: true })).toEqual([
      'job: never came to an end, it is starting',
      'job: its lease was never given back',
    ])
  })

  test('weights that are not those of the undisturbed run, and none to compare', async () => {
    const id = await succeeded()
    const bare = await submit()

    expect(await faultsOf(id, { golden: new Map([[id, weightsHash(weights(0))]]) })).toEqual([
      `job: its weights at step ${STEPS} are not those of an undisturbed run`,
    ])
    expect(await faultsOf(bare, { golden: new Map([[bare, weightsHash(weights(0))]]) })).toEqual([
      "job: it has no checkpoint to compare with an undisturbed run's",
    ])
  })

  // Each breaks one rule of a healthy job ($1) behind everybody's back.
  test.each<[string, string, RegExp[]]>([
    [
      'a gap in the events',
      'DELETE FROM job_event WHERE job_id = $1 AND seq = 3',
      [/events are numbered 1, 2, 4/, /event 4 moves it from running, but the one before left it starting/],
    ],
    [
      'a first event of another kind',
      `UPDATE job_event SET from_state = 'paused' WHERE job_id = $1 AND seq = 1`,
      [/first event does not make it queued/],
    ],
    [
      'a move that is not in the table',
      `UPDATE job_event SET to_state = 'paused', from_state = CASE seq WHEN 3 THEN from_state ELSE 'paused' END WHERE job_id = $1 AND seq = 3`,
      [
        /event 3 moves it from starting to paused, which is no legal move/,
        /event 4 moves it from running, but the one before left it paused/,
        /attempt 1 ended as queued, the events say paused/,
      ],
    ],
    [
      'two ends',
      `WITH j AS (UPDATE job SET event_seq = event_seq + 1, state = 'failed' WHERE id = $1 RETURNING id, event_seq, epoch) INSERT INTO job_event SELECT id, event_seq, now(), 'x', 'succeeded', 'failed', 'poison', NULL, epoch FROM j`,
      [/from succeeded to failed, which is no legal move/, /it ended 2 times/],
    ],
    [
      'a state that no event made',
      `UPDATE job SET state = 'stopped' WHERE id = $1`,
      [/last event says succeeded, its row stopped/],
    ],
    [
      'an end without a time',
      'UPDATE job SET finished_at = NULL WHERE id = $1',
      [/succeeded without a time of its end/],
    ],
    [
      'a number that rose without a claim',
      'UPDATE job SET epoch = 3 WHERE id = $1',
      [/last event is of attempt 2, its row of 3/, /claimed 3 times and has the attempts 1, 2/],
    ],
    [
      'a claim that did not raise the number',
      'UPDATE job_event SET epoch = 1 WHERE job_id = $1 AND seq = 5',
      [
        /event 5 is of attempt 1, expected 2/,
        /event 6 is of attempt 2, expected 1/,
        /attempt 2 is b's, its claim nobody's/,
      ],
    ],
    ['an orphan lease', `UPDATE job SET lease_until = now() WHERE id = $1`, [/succeeded with a lease/]],
    [
      'an attempt without a row',
      'DELETE FROM attempt WHERE job_id = $1 AND epoch = 1',
      [/claimed 2 times and has the attempts 2$/],
    ],
    [
      "an attempt that was another's",
      `UPDATE attempt SET worker_id = 'c' WHERE job_id = $1 AND epoch = 1`,
      [/attempt 1 is c's, its claim a's/],
    ],
    [
      'an attempt that never ended',
      'UPDATE attempt SET ended_at = NULL WHERE job_id = $1 AND epoch = 1',
      [/attempt 1 has not ended while the job is succeeded/],
    ],
    [
      'an attempt that ended otherwise',
      `UPDATE attempt SET outcome = 'failed' WHERE job_id = $1 AND epoch = 1`,
      [/attempt 1 ended as failed, the events say queued/],
    ],
    [
      'a gap in the curve',
      `UPDATE curve_segment SET num_points = 2, offsets = '{0,2}' WHERE job_id = $1 AND first_step = 1`,
      [/5 steps from 1 to 6: some are missing/],
    ],
    [
      'a curve that begins late',
      'UPDATE curve_segment SET num_points = 2, first_step = 2 WHERE job_id = $1 AND first_step = 1',
      [/5 steps from 2 to 6: some are missing/],
    ],
    [
      'two points at one step',
      'UPDATE curve_segment SET effective = true, num_points = 1, last_step = 4 WHERE job_id = $1 AND epoch = 1 AND first_step = 4',
      [/7 points at 6 steps/, /curve shows attempt 1 at step 4, above a later attempt/],
    ],
    [
      'a curve behind its checkpoint',
      'DELETE FROM curve_segment WHERE job_id = $1 AND first_step > 4',
      [
        /ends at step 4, its newest checkpoint is of step 6/,
        /succeeded at step 4 with a checkpoint of step 6/,
        /succeeded at step 4 of 6/,
      ],
    ],
    [
      'a point that was never counted',
      'UPDATE job SET curve_seq = 1 WHERE id = $1',
      [/a point has the number \d+, the job counts 1/],
    ],
    [
      'a success short of its budget',
      `UPDATE job SET spec = jsonb_set(spec, '{budget,generatorSteps}', '9') WHERE id = $1`,
      [/succeeded at step 6 of 9/],
    ],
    [
      "a zombie's points",
      'UPDATE curve_segment SET seq = (SELECT max(seq) FROM curve_segment WHERE job_id = $1) WHERE job_id = $1 AND epoch = 1 AND last_step = 5',
      [/attempt 1 wrote points after a later attempt had begun/],
    ],
    [
      "a zombie's checkpoint",
      'UPDATE checkpoint SET created_at = clock_timestamp() WHERE job_id = $1 AND epoch = 1',
      [/attempt 1 wrote a checkpoint of step 3 after a later attempt had begun/],
    ],
    [
      "a zombie's point within a later attempt's curve",
      `UPDATE curve_segment SET first_step = CASE epoch WHEN 1 THEN 5 ELSE 6 END, num_points = 1, effective = true
       WHERE job_id = $1 AND last_step >= 5`,
      [/curve shows attempt 1 at step 5, above a later attempt/],
    ],
    [
      'an object that is not there',
      `UPDATE checkpoint SET key = key || 'x' WHERE job_id = $1 AND epoch = 1`,
      [/the checkpoint of step 3 has no object/],
    ],
    [
      'an object of another size',
      'UPDATE checkpoint SET size_bytes = 7 WHERE job_id = $1 AND epoch = 1',
      [/the checkpoint of step 3 has \d+ bytes, its row says 7/],
    ],
    [
      'an object of another content',
      `UPDATE checkpoint SET sha256 = repeat('0', 64) WHERE job_id = $1 AND epoch = 1`,
      [/the checkpoint of step 3 has the sha256 \w+, its row says 0{64}/],
    ],
  ])('%s', async (_, damage, expected) => {
    const id = await succeeded()
    await db.pool.query(damage, [id])

    const faults = await faultsOf(id)

    expect(faults).toEqual(expected.map((fault) => expect.stringMatching(fault)))
  })

  test("a zombie's sample", async () => {
    const id = await succeeded()
    const bytes = weights(1)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    await store.put(`jobs/${id}/sample`, bytes, { contentType: 'image/png', sha256 })
    await db.pool.query(
      `INSERT INTO sample (id, job_id, epoch, step, key, num_images, columns, tile_size, padding, channels, size_bytes, sha256, created_at)
       VALUES ($1, $2, 1, 4, $3, 1, 1, 1, 0, 1, $4, $5, clock_timestamp())`,
      [crypto.randomUUID(), id, `jobs/${id}/sample`, bytes.length, sha256],
    )

    expect(await faultsOf(id)).toEqual(['job: attempt 1 wrote a sample of step 4 after a later attempt had begun'])
  })

  test('points that a replay made otherwise, where runs are repeatable', async () => {
    const id = await succeeded()
    await db.pool.query(
      // One bit of the last series at step 4: two points, so the ninth number.
      `UPDATE curve_segment SET "values" = set_byte("values", 33, get_byte("values", 33) # 1)
       WHERE job_id = $1 AND epoch = 1 AND first_step = 4`,
      [id],
    )

    expect(await faultsOf(id)).toEqual([])
    expect(await faultsOf(id, { bitwise: true })).toEqual(['job: attempts 1 and 2 made different points at step 4'])
  })

  test('an owned job that nobody owns', async () => {
    const id = await submit()
    await claim(id, 'a')
    await db.pool.query('UPDATE job SET worker_id = NULL WHERE id = $1', [id])

    expect(await faultsOf(id)).toEqual(['job: it is starting and nobody owns it'])
  })

  test('settled: a task without an end', async () => {
    const id = await aTask()

    expect(await faultsOf(id)).toEqual([])
    expect(await faultsOf(id, { settled: true })).toEqual([`task ${id}: it never came to an end, it is queued`])
  })

  // Each breaks one rule of a task ($1) that found its checkpoint intact.
  test.each<[string, string, RegExp]>([
    ['that ended with a lease', 'UPDATE task SET lease_until = now() WHERE id = $1', /succeeded with a lease/],
    [
      'whose lease ran out long ago',
      `UPDATE task SET state = 'running', result = NULL, finished_at = NULL, lease_until = now() - interval '2 min' WHERE id = $1`,
      /ran out long ago/,
    ],
    ['without a time of its end', 'UPDATE task SET finished_at = NULL WHERE id = $1', /succeeded without a time/],
    ['that nobody claimed', 'UPDATE task SET epoch = 0 WHERE id = $1', /claimed 0 times and has a start/],
    ['that crashed too often', 'UPDATE task SET crashes = 3, epoch = 3 WHERE id = $1', /crashed 3 times in 3 attempts/],
    [
      'that found damage, without a consequence',
      `UPDATE task SET result = jsonb_set(result, '{intact}', 'false') WHERE id = $1`,
      /found a damaged checkpoint that is not put aside/,
    ],
  ])('a task %s', async (_, damage, expected) => {
    const id = await aTask()
    const claimed = await claimTask(db, { workerId: 'a', leaseSeconds: 60 })
    expect(claimed!.task.id).toBe(id)
    const result = { intact: true, sizeBytes: 1, sha256: '', fault: null }
    await finishTask(db, claimed!.fence, { to: 'succeeded', result })
    expect(await faultsOf(id, { settled: true })).toEqual([])

    await db.pool.query(damage, [id])

    expect(await faultsOf(id)).toEqual([expect.stringMatching(expected)])
  })
})

async function aTask(): Promise<string> {
  const { items } = await listCheckpoints(db, await succeeded(), { limit: 1 })
  await db.pool.query(`DELETE FROM task WHERE state = 'queued'`)
  return (await createTask(db, { kind: 'verify', checkpointId: items[0]!.id })).id
}
