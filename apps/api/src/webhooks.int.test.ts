import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { CreatedWebhook, Webhook, WebhookAnswer, WebhookDelivery } from '@kantor/contracts'
import { finishAttempt, joinedTransaction, markRunning, takeDueDeliveries } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { claim, openRig, replyOf, type Rig, submit, unknownId } from '../tests/rig.js'
import { deliverOnce } from './webhooks/deliver.js'
import { isPublicAddress, publicLookup } from './webhooks/public-address.js'
import { sendWebhook } from './webhooks/send.js'

interface Received {
  headers: IncomingHttpHeaders
  body: string
}

let services: Services
/** Of these the first may send anywhere, the second only to the public Internet. */
let rig: Rig
let strict: Rig
let receiver: Server
let received: Received[] = []
/** What the receiver answers, in turn; 204 when nothing is left. */
let answers: number[] = []
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  const { databaseUrl, directory } = services
  rig = await openRig({ databaseUrl, directory, deps: { allowPrivateWebhooks: true } })
  strict = await openRig({ databaseUrl, directory })
  receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      const status = answers.shift() ?? 204
      response
        .writeHead(status, status === 302 ? { location: address('/elsewhere') } : {})
        .end('a secret of the network')
    })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
})
afterAll(async () => {
  receiver.close()
  await rig.close()
  await strict.close()
  await services.stop()
})
beforeEach(async () => {
  received = []
  answers = []
  await rig.db.pool.query('TRUNCATE webhook, job CASCADE')
})

const port = () => (receiver.address() as AddressInfo).port
const address = (path = '/hook') => `http://127.0.0.1:${port()}${path}`

async function create(body: object, on = rig): Promise<CreatedWebhook> {
  return replyOf('createWebhook', await on.ask({ method: 'POST', url: '/webhooks', payload: body })) as CreatedWebhook
}
async function deliveries({ id }: Webhook): Promise<WebhookDelivery[]> {
  const reply = replyOf('listDeliveries', await rig.ask({ url: `/webhooks/${id}/deliveries` }))
  return (reply as { items: WebhookDelivery[] }).items
}
/** A job that came to its end. */
async function ended(): Promise<string> {
  const fence = await claim(rig.db, await submit(rig, { name: 'told "quotes"' }))
  await markRunning(rig.db, fence)
  await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged', message: 'NaN at step 3' })
  return fence.jobId
}
const deliver = () => deliverOnce(rig.db, { allowPrivate: true })
/** Lets pending deliveries become due without waiting. */
const hurry = () => rig.db.pool.query(`UPDATE webhook_delivery SET next_at = now() - interval '1 s'`)

describe('an event', () => {
  test('reaches who wants it, once, signed under the secret that was shown once', async () => {
    const { secret, ...webhook } = await create({ url: address(), events: ['job.failed', 'job.paused'] })
    await create({ url: address('/other'), events: ['job.succeeded'] })
    await create({ url: address('/off'), active: false })
    const jobId = await ended()

    expect([await deliver(), await deliver()]).toEqual([1, 0])

    const [{ headers, body }] = received as [Received]
    expect(JSON.parse(body)).toMatchObject({
      type: 'job.failed',
      data: {
        jobId,
        name: 'told "quotes"',
        from: 'running',
        state: 'failed',
        reason: 'diverged',
        message: 'NaN at step 3',
      },
    })
    const [delivery] = await deliveries(webhook)
    expect(delivery).toMatchObject({
      id: headers['webhook-id'],
      jobId,
      state: 'delivered',
      tries: 1,
      status: 204,
      nextAt: null,
    })
    // As a receiver checks it, by the text of Standard Webhooks.
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.')
    const key = Buffer.from(secret!.slice('whsec_'.length), 'base64')
    expect(key).toHaveLength(32)
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    for (const url of ['/webhooks', `/webhooks/${webhook.id}`])
      expect((await rig.ask({ url })).body).not.toContain('whsec_')
  })

  test('is there exactly if what it tells of is committed', async () => {
    const webhook = await create({ url: address(), events: ['job.running'] })
    const fence = await claim(rig.db, await submit(rig))
    const undone = joinedTransaction(rig.db, async (joined) => {
      await markRunning(joined, fence)
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    expect(await deliveries(webhook)).toEqual([])
    await markRunning(rig.db, fence)
    expect(await deliveries(webhook)).toMatchObject([{ event: 'job.running', state: 'pending', tries: 0 }])
  })

  test('that is refused is sent again under its id, later and later, and given up after ten tries', async () => {
    const webhook = await create({ url: address() })
    await ended()
    answers = [500, 302, ...Array.from({ length: 8 }, () => 503)]
    const pauses: number[] = []
    for (let n = 1; n <= 10; n += 1) {
      expect([await deliver(), await deliver()]).toEqual([1, 0])
      const { rows } = await rig.db.pool.query<{ pause: number }>(
        'SELECT extract(epoch FROM next_at - clock_timestamp())::float8 AS pause FROM webhook_delivery',
      )
      pauses.push(rows[0]!.pause)
      if (n === 2) expect((await deliveries(webhook))[0]!.error).toMatch(/302; redirects are not followed/)
      await hurry()
    }
    expect(await deliver()).toBe(0)
    expect(await deliveries(webhook)).toMatchObject([
      { state: 'failed', tries: 10, status: 503, error: 'answered 503' },
    ])
    expect(received).toHaveLength(10)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    for (const [i, pause] of pauses.slice(0, 6).entries()) expect(pause).toBeGreaterThan(20 * 3 ** i - 15)
  })

  test('whose sender died is sent by the next one', async () => {
    const webhook = await create({ url: address() })
    await ended()
    // Taken, and nothing noted: what a crash between the two leaves.
    expect(await takeDueDeliveries(rig.db)).toHaveLength(1)
    await hurry()
    expect(await deliver()).toBe(1)
    expect(await deliveries(webhook)).toMatchObject([{ state: 'delivered', tries: 2 }])
  })
})

test('POST /webhooks/:id/test tells how the address answers, and nothing of what it says', async () => {
  const { id } = await create({ url: address() })
  answers = [418]
  const answer = await rig.ask({ method: 'POST', url: `/webhooks/${id}/test` })
  expect(replyOf('testWebhook', answer) as WebhookAnswer).toMatchObject({
    ok: false,
    status: 418,
    error: 'answered 418',
  })
  expect(answer.body).not.toContain('secret')
  expect(JSON.parse(received[0]!.body)).toMatchObject({ type: 'webhook.test', data: { webhookId: id } })
})

test('a webhook is changed, switched off and deleted', async () => {
  const { id } = await create({ url: address() })
  const patch = (payload: object) => rig.ask({ method: 'PATCH', url: `/webhooks/${id}`, payload })
  expect(replyOf('patchWebhook', await patch({ events: ['job.paused'], active: false }))).toMatchObject({
    url: address(),
    events: ['job.paused'],
    active: false,
  })
  expect((await patch({})).statusCode).toBe(422)
  expect(replyOf('deleteWebhook', await rig.ask({ method: 'DELETE', url: `/webhooks/${id}` }))).toEqual({
    id,
    deleted: true,
  })
  for (const url of [`/webhooks/${id}`, `/webhooks/${unknownId}/deliveries`])
    expect((await rig.ask({ url })).statusCode).toBe(404)
})

describe('S6: the inside of a network', () => {
  test.each([
    'http://127.0.0.1/',
    'http://localhost:8420/jobs',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://10.1.2.3/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:192.168.0.1]/',
    'http://[fd00::1]/',
    'http://user:pass@example.org/',
    'ftp://example.org/',
    'not an address',
  ])('is refused as a target when it can be seen: %s', async (url) => {
    const answer = await strict.ask({ method: 'POST', url: '/webhooks', payload: { url } })
    expect(answer.statusCode).toBe(422)
    expect(answer.json()).toMatchObject({ code: 'validation-failed', errors: [{ pointer: '/url' }] })
  })

  test('is not reached by a webhook of before, nor by a name that resolves to it, nor by one that rebinds', async () => {
    const { id } = await create({ url: address() })
    const tried = await strict.ask({ method: 'POST', url: `/webhooks/${id}/test` })
    expect(replyOf('testWebhook', tried)).toMatchObject({
      ok: false,
      status: null,
      error: expect.stringContaining('127.0.0.1 is not'),
    })

    // A resolver that gives a public address first and the loopback's from then on.
    const given: string[][] = [['93.184.215.14'], ['127.0.0.1'], ['93.184.215.14', '127.0.0.1']]
    const asked: string[][] = []
    const rebinding = publicLookup(((
      _host: string,
      _options: unknown,
      done: (error: null, found: object[]) => void,
    ) => {
      asked.push(given[asked.length]!)
      done(
        null,
        asked.at(-1)!.map((ip) => ({ address: ip, family: 4 })),
      )
    }) as Parameters<typeof publicLookup>[0])
    const resolved = () =>
      new Promise((resolve) => rebinding('rebind.example', { all: true }, (error, found) => resolve(error ?? found)))
    // The first is connected to as it was checked; the connection asks nobody again.
    expect(await resolved()).toEqual([{ address: '93.184.215.14', family: 4 }])
    const hook = { id: unknownId, url: `http://rebind.example:${port()}/`, secret: 'whsec_AAAA', payload: '{}' }
    for (const _ of given.slice(1)) {
      const answer = await sendWebhook(hook, { allowPrivate: false, lookup: rebinding })
      expect(answer).toMatchObject({ ok: false, status: null })
      expect(answer.error).toMatch(/not an address of the public Internet/)
    }
    expect(asked).toHaveLength(3)
    expect(received).toEqual([])
  })

  test.each([
    ['8.8.8.8', true],
    ['172.15.255.255', true],
    ['172.16.0.1', false],
    ['100.64.0.1', false],
    ['255.255.255.255', false],
    ['2606:4700::1111', true],
    ['::ffff:8.8.8.8', false],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['fe80::1%eth0', false],
    ['::', false],
    ['example.org', false],
  ])('%s is public: %s', (ip, isPublic) => expect(isPublicAddress(ip)).toBe(isPublic))
})
