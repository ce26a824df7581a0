import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CurveQuery, JobSpec } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { aCheckpoint, aDataset, aPoint, claim, datasetVersion, expireLease, postgresOnly } from '../tests/fixtures.js'
import { applyMigrations } from './migrate.js'
import {
  addCheckpoint,
  appendPoints,
  finishAttempt,
  getJob,
  migrate,
  openDatabase,
  readCurve,
  reconcile,
  registerDataset,
  rollbackCurve,
} from './index.js'

const FIRST = '20260725000000_init'
const id = '00000000-0000-7000-8000-000000000030'

let services: Services
let first: string
beforeAll(async () => {
  services = await startServices(postgresOnly)
  first = await mkdtemp(join(tmpdir(), 'kantor-first-'))
  const migrations = fileURLToPath(new URL('../../../prisma/migrations/', import.meta.url))
  await cp(join(migrations, FIRST), join(first, FIRST), { recursive: true })
})
afterAll(async () => {
  await rm(first, { recursive: true })
  await services.stop()
})

test('F30: a job in training while the schema of the first release becomes this one is held by its old worker, then resumed by a new one', async () => {
  const url = await services.createDatabase()
  await applyMigrations(url, first)
  const db = await openDatabase(url)
  const { dataset: _, ...spec } = JobSpec.parse({ dataset: `digits@${datasetVersion}`, seed: 1 })
  // What the first release did not know must get its default.
  const { precision: _precision, lowerings: _lowerings, ...old } = spec
  const stored = JSON.stringify({ dataset: `digits@${datasetVersion}`, ...old })
  await db.pool.query(
    `INSERT INTO job (id, name, tags, notes, priority, device, state, reason, spec, lint, epoch, worker_id, lease_until, event_seq, curve_seq, curve_last_step)
     VALUES ($1, 'old', '{}', '', 100, 'any', 'running', 'first_step', $2, '[]', 1, 'old-worker', clock_timestamp() + interval '60 s', 1, 1, 20)`,
    [id, stored],
  )
  await db.pool.query(`INSERT INTO attempt (job_id, epoch, worker_id) VALUES ($1, 1, 'old-worker')`, [id])
  await db.pool.query(
    `INSERT INTO job_event (job_id, seq, actor, from_state, to_state, reason, epoch) VALUES ($1, 1, 'old-worker', 'starting', 'running', 'first_step', 1)`,
    [id],
  )
  await db.pool.query(
    `INSERT INTO checkpoint (id, job_id, epoch, step, key, size_bytes, sha256) VALUES ($1, $2, 1, 10, 'jobs/old/checkpoints/10', 1234, $3)`,
    ['00000000-0000-7000-8000-000000000031', id, 'cd'.repeat(32)],
  )
  await db.pool.query(
    `INSERT INTO curve_point (job_id, epoch, step, critic_step, w_estimate, critic_loss, gen_loss, critic_real, critic_fake, seq)
     SELECT $1, 1, step, step * 5, step, 1, 2, 3, 4, 1 FROM generate_series(1, 20) AS step`,
    [id],
  )

  await migrate(url)
  await registerDataset(db, aDataset())

  // The renewal as the first release sent it: its worker keeps the job, and may hand it back.
  const renewed = await db.pool.query(
    `UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => 60), progress = coalesce(NULL, progress)
     WHERE id = $1 AND epoch = $2 AND state IN ('starting', 'running', 'pausing', 'stopping', 'cancelling') RETURNING state`,
    [id, 1],
  )
  expect(renewed.rows).toEqual([{ state: 'running' }])
  expect((await reconcile(db)).requeued).toBe(0)
  // Its points have no table any more: refused, not misplaced.
  await expect(db.pool.query(`INSERT INTO curve_point (job_id) VALUES ($1)`, [id])).rejects.toThrow('does not exist')

  await expireLease(db, id)
  expect((await reconcile(db)).requeued).toBe(1)
  const job = (await getJob(db, id))!
  expect(job.spec).toMatchObject({ precision: 'float32', lowerings: 'measured' })
  const next = await claim(db, job)
  expect(next.resume?.step).toBe(10)
  await rollbackCurve(db, next.fence, 10)
  await appendPoints(db, next.fence, [aPoint(11, 1), aPoint(12, 1)])
  await addCheckpoint(db, next.fence, aCheckpoint(12))
  await finishAttempt(db, next.fence, { to: 'succeeded', reason: 'budget_reached' })

  const curve = await readCurve(db, id, CurveQuery.parse({ metrics: 'w_estimate' }))
  expect(curve.series.w_estimate?.x).toEqual(Array.from({ length: 12 }, (_step, i) => i + 1))
  expect(await getJob(db, id)).toMatchObject({ state: 'succeeded', attempt: 2 })
  await db.close()
})
