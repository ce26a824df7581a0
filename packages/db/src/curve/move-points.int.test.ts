import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CurveQuery, lossNames } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { postgresOnly } from '../../tests/fixtures.js'
import { eachPoint, migrate, openDatabase, readCurve } from '../index.js'
import { applyMigrations } from '../migrate.js'

const migrations = fileURLToPath(new URL('../../../../prisma/migrations/', import.meta.url))
let services: Services
let before: string
beforeAll(async () => {
  services = await startServices(postgresOnly)
  before = await mkdtemp(join(tmpdir(), 'kantor-before-'))
  for (const name of await readdir(migrations)) {
    if (name < '20261126010500') await cp(join(migrations, name), join(before, name), { recursive: true })
  }
})
afterAll(async () => {
  await rm(before, { recursive: true })
  await services.stop()
})

test('points of a database from before are all there afterwards, rolled up, and so is what had given way', async () => {
  const url = await services.createDatabase()
  await applyMigrations(url, before)
  const db = await openDatabase(url)
  const id = '00000000-0000-7000-8000-000000000001'
  const spec = JSON.stringify({ dataset: 'digits' })
  await db.pool.query(
    `INSERT INTO job (id, name, tags, notes, priority, device, state, reason, spec, lint, curve_seq, curve_last_step)
     VALUES ($1, 'old', '{}', '', 100, 'any', 'queued', 'user', $2, '[]', 3, 40000)`,
    [id, spec],
  )
  // The first attempt went to 30 000, the second goes on from 20 000; a point in a hundred is not finite.
  await db.pool.query(
    `INSERT INTO curve_point (job_id, epoch, step, critic_step, w_estimate, critic_loss, gen_loss, critic_real, critic_fake, seq, effective)
     SELECT $1, epoch, step, step * 5, CASE step % 100 WHEN 7 THEN 'NaN'::real WHEN 8 THEN '-Infinity'::real ELSE step % 1000 END, 1, 2, 3, epoch, epoch + 1,
       epoch = 2 OR step <= 20000
     FROM (SELECT 1 AS epoch, generate_series(1, 30000) AS step UNION ALL SELECT 2, generate_series(20001, 40000)) AS point`,
    [id],
  )

  await Promise.all([migrate(url), migrate(url)])

  const kept = { effective: 0, all: 0 }
  for (const attempts of ['effective', 'all'] as const) {
    await eachPoint(db, id, { names: lossNames, attempts }, (points) => {
      kept[attempts] += points.length
      for (const { step, attempt, criticStep, values } of points) {
        const estimate = step % 100 === 7 ? NaN : step % 100 === 8 ? -Infinity : step % 1000
        if (!Object.is(values.get('w_estimate'), estimate)) throw new Error(`another estimate at step ${step}`)
        if (values.get('critic_fake') !== attempt || criticStep !== step * 5)
          throw new Error(`another point at ${step}`)
        if (attempts === 'effective') expect(attempt).toBe(step <= 20_000 ? 1 : 2)
      }
    })
  }
  expect(kept).toEqual({ effective: 40_000, all: 50_000 })
  const curve = await readCurve(db, id, CurveQuery.parse({ maxPoints: '50', smooth: 'median:101' }))
  expect(curve.resolution).toBe(1024)
  expect(curve.series.w_estimate?.n.reduce((a, b) => a + b)).toBe(39_200)
  expect(curve.series.w_estimate?.bad.reduce((a, b) => a + b)).toBe(800)
  expect(new Set(curve.series.w_estimate?.max.slice(1, -1))).toEqual(new Set([999]))
  const rows = await db.pool.query(
    'SELECT level, count(*)::int AS rows FROM curve_pyramid GROUP BY level ORDER BY level',
  )
  expect(rows.rows).toEqual([
    { level: 1, rows: 39 },
    { level: 2, rows: 4 },
  ])
  await db.close()
})
