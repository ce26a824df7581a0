import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { JobUsage, Usage } from '@kantor/contracts'
import { createKey, registerWorker } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { aBody, claim, openRig, replyOf, type Rig, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

/** A job of a key with that name, whose only attempt ran at known times. */
async function ran(name: string, [from, to]: [string, string], cpuSeconds: number | null): Promise<string> {
  const { key } = await createKey(rig.db, { name, scope: 'submit' })
  const headers = { authorization: `Bearer ${key}` }
  const answer = await rig.askBare({ method: 'POST', url: '/jobs', headers, payload: aBody() })
  const fence = await claim(rig.db, replyOf('createJob', answer) as Parameters<typeof claim>[1])
  await rig.db.pool.query('UPDATE attempt SET started_at = $2, ended_at = $3, cpu_seconds = $4 WHERE job_id = $1', [
    fence.jobId,
    from,
    to,
    cpuSeconds,
  ])
  return fence.jobId
}

const usage = async (query: string) => (replyOf('getUsage', await rig.ask({ url: `/usage${query}` })) as Usage).items

test('machine time goes to whoever submitted the job, clipped to the range that is asked for', async () => {
  const worker = {
    id: 'worker-1',
    host: 'anna',
    pid: 1,
    deviceClass: 'gpu',
    device: 'H100',
    slots: 1,
    versions: {},
  } as const
  await registerWorker(rig.db, worker)
  const one = await ran('ada', ['2026-01-31T10:00:00Z', '2026-01-31T12:00:00Z'], 1800)
  const two = await ran('=HYPERLINK("x"), "y"', ['2026-01-31T11:00:00Z', '2026-01-31T11:10:00Z'], null)

  expect(await usage('')).toEqual([
    { group: { key: 'ada' }, jobs: 1, attempts: 1, seconds: 7200, gpuSeconds: 7200, cpuSeconds: 1800 },
    { group: { key: '=HYPERLINK("x"), "y"' }, jobs: 1, attempts: 1, seconds: 600, gpuSeconds: 600, cpuSeconds: 0 },
  ])
  expect(await usage('?groupBy=deviceClass,host,device')).toMatchObject([
    { group: { deviceClass: 'gpu', host: 'anna', device: 'H100' }, jobs: 2, attempts: 2, seconds: 7800 },
  ])
  expect(await usage('?groupBy=job&from=2026-01-31T11:30:00Z&to=2026-01-31T11:45:00Z')).toEqual([
    { group: { job: one }, jobs: 1, attempts: 1, seconds: 900, gpuSeconds: 900, cpuSeconds: 225 },
  ])
  expect(await usage('?from=2026-02-01T00:00:00%2B01:00')).toEqual([])
  expect(replyOf('getJobUsage', await rig.ask({ url: `/jobs/${two}/usage` })) as JobUsage).toEqual({
    jobId: two,
    attempts: 1,
    seconds: 600,
    gpuSeconds: 600,
    cpuSeconds: 0,
  })

  const csv = await rig.ask({ url: '/usage?groupBy=key&format=csv' })
  expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
  // S9: no cell of ours is a formula.
  expect(csv.body).toBe(
    'key,jobs,attempts,seconds,gpuSeconds,cpuSeconds\r\nada,1,1,7200,7200,1800\r\n"\'=HYPERLINK(""x""), ""y""",1,1,600,600,0\r\n',
  )
})

test.each([
  ['groupBy=user', 'groupBy'],
  ['groupBy=key,key', 'groupBy'],
  ['from=yesterday', 'from'],
  ['from=0000-01-01T00:00:00Z', 'from'],
  ['from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
])('the query %s is refused, with the parameter that is wrong', async (query, pointer) => {
  const answer = await rig.ask({ url: `/usage?${query}` })
  expect(answer.statusCode).toBe(422)
  expect(answer.json()).toMatchObject({ code: 'invalid-query' })
  expect((answer.json() as { errors: { pointer: string }[] }).errors[0]!.pointer).toMatch(new RegExp(`^${pointer}`))
})

test('the usage of a job that is not there is 404', async () => {
  expect((await rig.ask({ url: `/jobs/${unknownId}/usage` })).statusCode).toBe(404)
})
