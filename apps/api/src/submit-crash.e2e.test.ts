// kill -9 of a real API process at the worst moments of a submission.
import type { ChildProcess } from 'node:child_process'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Job } from '@kantor/contracts'
import { type Database, migrate, openDatabase } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { type Answer, ask } from '../tests/http.js'
import { launchApi, listening } from '../tests/process.js'
import { aBody, registerDigits } from '../tests/rig.js'

let services: Services
let databaseUrl: string
let db: Database
const children: ChildProcess[] = []
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
})
beforeEach(async () => {
  databaseUrl = await services.createDatabase()
  await migrate(databaseUrl)
  db = await openDatabase(databaseUrl)
  await registerDigits(db)
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await db.close()
})
afterAll(() => services.stop())

function launch(env: Record<string, string> = {}) {
  const api = launchApi({ DATABASE_URL: databaseUrl, KANTOR_DATA_DIR: services.directory, ...env })
  children.push(api.child)
  return api
}

const submit = (port: number, url: string, payload: unknown): Promise<Answer> =>
  ask(port, { method: 'POST', url, payload, headers: { 'idempotency-key': 'the-one' } })

/** Sends the request to an API that dies at `point`, and again to one that does not; rows that the first left, and the second's reply. */
async function acrossACrash(point: string, url: string, payload: unknown) {
  const doomed = launch({ KANTOR_CRASH_AT: point })
  const port = await listening(doomed)
  const status = submit(port, url, payload).then((answer) => answer.statusCode)
  await expect(status).rejects.toThrow(/ECONNRESET|socket hang up/)
  await doomed.exited
  expect(doomed.child.signalCode).toBe('SIGKILL')
  const left = await numJobs()
  return { left, answer: await submit(await listening(launch()), url, payload) }
}

async function numJobs(): Promise<number> {
  const { rows } = await db.pool.query<{ jobs: number; events: number }>(
    'SELECT (SELECT count(*) FROM job)::int AS jobs, (SELECT count(*) FROM job_event)::int AS events',
  )
  expect(rows[0]!.events).toBe(rows[0]!.jobs)
  return rows[0]!.jobs
}

const batch = { jobs: Array.from({ length: 1000 }, (_, index) => aBody({ name: `job ${index}` })) }

describe('kill -9 of the API', () => {
  test('F1: before the commit: the client sees an error, its retry makes exactly one job', async () => {
    const { left, answer } = await acrossACrash('submit-before-commit', '/jobs', aBody())

    expect([left, answer.statusCode, answer.headers['idempotent-replayed']]).toEqual([0, 201, undefined])
    expect(await numJobs()).toBe(1)
  })

  test('F2: after the commit, before the reply: the retry gets the same job, marked as a replay', async () => {
    const { left, answer } = await acrossACrash('submit-after-commit', '/jobs', aBody())
    const { id } = answer.json() as Job

    expect([left, answer.statusCode, answer.headers['idempotent-replayed']]).toEqual([1, 201, 'true'])
    expect(answer.headers['location']).toBe(`/jobs/${id}`)
    const { rows } = await db.pool.query('SELECT id FROM job')
    expect(rows).toEqual([{ id }])
  })

  test.each([
    ['submit-before-commit', 0],
    ['submit-after-commit', 1000],
  ])('F3: at %s of a batch of 1000: none or all, and all after the retry', async (point, expected) => {
    const { left, answer } = await acrossACrash(point, '/jobs/batch', batch)

    expect([left, answer.statusCode]).toEqual([expected, 201])
    expect((answer.json() as { items: Job[] }).items).toHaveLength(1000)
    expect(await numJobs()).toBe(1000)
  })

  test('F3: at a random moment of a batch of 1000: none or all, and all after the retry', async () => {
    const doomed = launch()
    const port = await listening(doomed)
    const sent = submit(port, '/jobs/batch', batch).catch(() => null)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
    doomed.child.kill('SIGKILL')
    await Promise.all([sent, doomed.exited])

    expect([0, 1000]).toContain(await numJobs())
    expect((await submit(await listening(launch()), '/jobs/batch', batch)).statusCode).toBe(201)
    expect(await numJobs()).toBe(1000)
  })
})
