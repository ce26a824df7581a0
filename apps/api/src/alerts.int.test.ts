import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Alert, AlertRule, CurveReply, JobEvent } from '@kantor/contracts'
import {
  appendPoints,
  createWebhook,
  type Fence,
  finishAttempt,
  listDeliveries,
  markRunning,
  watchAlerts,
} from '@kantor/db'
import { createClient } from '@kantor/client'
import { openQueue } from '@kantor/queue'
import { createLogger } from '@kantor/runtime'
import { type Services, startServices } from '@kantor/testing'
import { startDispatcher } from './dispatcher.js'
import { aPoint, claim, openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'

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
beforeEach(() => rig.db.pool.query('TRUNCATE alert_rule, webhook, job CASCADE'))

async function create(condition: object): Promise<AlertRule> {
  const payload = { name: 'watch it', condition }
  return replyOf('createAlertRule', await rig.ask({ method: 'POST', url: '/alert-rules', payload })) as AlertRule
}
const alertsOf = async ({ id }: AlertRule) =>
  (replyOf('listAlerts', await rig.ask({ url: `/alert-rules/${id}/alerts` })) as { items: Alert[] }).items
async function running(): Promise<Fence> {
  const fence = await claim(rig.db, await submit(rig))
  await markRunning(rig.db, fence)
  return fence
}
const write = (fence: Fence, from: number, values: number[]) =>
  appendPoints(
    rig.db,
    fence,
    values.map((value, i) => aPoint(from + i, value)),
  )

test('a threshold is judged by the median of the newest finite values, and tells webhooks once', async () => {
  const webhook = await createWebhook(rig.db, { url: 'https://example.org/', events: ['alert.fired'], active: true })
  const rule = await create({ kind: 'threshold', metric: 'w_estimate', op: 'above', value: 2, points: 5 })
  const [one, other] = [await running(), await running()]
  await write(one, 1, [1, 1, 1, 50])
  expect(await watchAlerts(rig.db)).toBe(0)
  await write(one, 5, [1])
  await write(other, 1, [1, 1, 1, 1, 1])
  expect(await watchAlerts(rig.db)).toBe(0)

  await write(one, 6, [3, Number.NaN, 4, 5])
  expect([await watchAlerts(rig.db), await watchAlerts(rig.db)]).toEqual([1, 0])
  // Newest five: 1, 3, NaN, 4, 5.
  expect(await alertsOf(rule)).toMatchObject([{ jobId: one.jobId, message: 'w_estimate is 3.5, above 2' }])
  expect(await listDeliveries(rig.db, webhook.id, { limit: 10 })).toMatchObject([
    { event: 'alert.fired', jobId: one.jobId, state: 'pending' },
  ])
})

test('a change compares the newest values with those before them', async () => {
  const rule = await create({ kind: 'change', metric: 'w_estimate', direction: 'fall', by: 1, points: 3 })
  const fence = await running()
  await write(fence, 1, [5, 5, 5, 4.5, 4.5, 4.5])
  expect(await watchAlerts(rig.db)).toBe(0)
  await write(fence, 7, [3, 3, 3])
  expect(await watchAlerts(rig.db)).toBe(1)
  expect(await alertsOf(rule)).toMatchObject([{ message: 'w_estimate went from 4.5 to 3, a fall of more than 1' }])
})

test('an end is told when it comes after the rule', async () => {
  const end = { to: 'failed', reason: 'diverged', message: 'NaN at step 3' } as const
  await finishAttempt(rig.db, await running(), end)
  const rule = await create({ kind: 'state', states: ['failed'] })
  const fence = await running()
  await finishAttempt(rig.db, fence, end)
  expect([await watchAlerts(rig.db), await watchAlerts(rig.db)]).toEqual([1, 0])
  expect(await alertsOf(rule)).toMatchObject([{ jobId: fence.jobId, message: 'failed: NaN at step 3' }])
})

test('a running job that tells of no new step for long enough is stalled; one that moves, or stops running, is not', async () => {
  const rule = await create({ kind: 'stalled', seconds: 600 })
  const jobs = [await running(), await running(), await running()] as const
  expect(await watchAlerts(rig.db)).toBe(0)
  await rig.db.pool.query(`UPDATE alert SET since = since - interval '11 minutes'`)
  await rig.db.pool.query(`UPDATE job SET progress = '{"step": 7}' WHERE id = $1`, [jobs[1].jobId])
  await finishAttempt(rig.db, jobs[2], { to: 'queued', reason: 'preempted' })
  expect([await watchAlerts(rig.db), await watchAlerts(rig.db)]).toEqual([1, 0])
  expect(await alertsOf(rule)).toMatchObject([{ jobId: jobs[0].jobId, message: 'no step after 0 for 600 seconds' }])
})

test('a rule is changed, switched off and deleted; a bad one is refused by the field', async () => {
  const { id } = await create({ kind: 'stalled', seconds: 600 })
  const patch = (payload: object, of = id) => rig.ask({ method: 'PATCH', url: `/alert-rules/${of}`, payload })
  expect(replyOf('patchAlertRule', await patch({ active: false }))).toMatchObject({ name: 'watch it', active: false })
  await running()
  expect(await watchAlerts(rig.db)).toBe(0)
  expect(replyOf('listAlertRules', await rig.ask({ url: '/alert-rules' }))).toMatchObject({ items: [{ id }] })
  const bad = await patch({ condition: { kind: 'threshold', metric: 'loss', op: 'above', value: 1 } })
  expect([bad.statusCode, bad.json()]).toMatchObject([422, { errors: [{ pointer: '/condition/metric' }] }])
  expect((await patch({}, id)).statusCode).toBe(422)
  expect((await patch({ active: true }, unknownId)).statusCode).toBe(404)
  expect(replyOf('deleteAlertRule', await rig.ask({ method: 'DELETE', url: `/alert-rules/${id}` }))).toMatchObject({
    id,
  })
  expect((await rig.ask({ url: `/alert-rules/${id}/alerts` })).statusCode).toBe(404)
})

test('an alert of the live loop is an event on the stream, a mark on the curve, and a signed request', async () => {
  const received: { headers: IncomingHttpHeaders; body: string }[] = []
  const receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      response.writeHead(204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const queue = await openQueue({ databaseUrl: services.databaseUrl })
  const log = createLogger({ logLevel: 'silent' }, 'test')
  const every = { leadEveryMs: 50, watchEveryMs: 50, deliverEveryMs: 50 }
  const dispatcher = startDispatcher({ db: rig.db, queue, store: rig.store, log, allowPrivateWebhooks: true, ...every })
  try {
    const { port } = receiver.address() as AddressInfo
    const { secret } = await createWebhook(rig.db, {
      url: `http://127.0.0.1:${port}/`,
      events: ['alert.fired'],
      active: true,
    })
    const rule = await create({ kind: 'threshold', metric: 'w_estimate', op: 'above', value: 2, points: 3 })
    const fence = await running()
    const client = createClient({ url: `http://127.0.0.1:${rig.port}`, apiKey: await rig.key('read') })
    const stream = await client.streamJob({ params: { id: fence.jobId } })
    const curve = async () => (await rig.ask({ url: `/jobs/${fence.jobId}/curve` })).json() as CurveReply
    const before = await rig.ask({ url: `/jobs/${fence.jobId}/curve` })
    await write(fence, 1, [3, 3, 3])

    let told: JobEvent | undefined
    for await (const { event, data } of stream) {
      if (event === 'state' && data.reason === 'alert_fired') told = data
      if (told) break
    }
    const message = 'watch it: w_estimate is 3, above 2'
    expect(told).toMatchObject({ from: 'running', to: 'running', actor: 'alert rules', message, step: 3 })
    const { marks } = await curve()
    expect(marks.filter(({ type }) => type === 'alert')).toEqual([{ step: 3, type: 'alert', message }])
    // Who holds the curve of before is told of the mark.
    const etag = before.headers['etag']!
    expect((await rig.ask({ url: `/jobs/${fence.jobId}/curve`, headers: { 'if-none-match': etag } })).statusCode).toBe(
      200,
    )
    expect((await rig.ask({ url: `/jobs/${fence.jobId}` })).json()).toMatchObject({
      state: 'running',
      reason: 'first_step',
    })

    while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const [{ headers, body }] = received as [(typeof received)[number]]
    expect(JSON.parse(body)).toMatchObject({
      type: 'alert.fired',
      data: { ruleId: rule.id, rule: 'watch it', jobId: fence.jobId, step: 3, message: 'w_estimate is 3, above 2' },
    })
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.')
    const key = Buffer.from(secret!.slice('whsec_'.length), 'base64')
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    // Told once, however often it is looked at.
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect([received.length, (await alertsOf(rule)).length]).toEqual([1, 1])
  } finally {
    await dispatcher.close()
    await queue.close()
    receiver.close()
  }
})
