import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { errorCatalogue, type Job } from '@kantor/contracts'
import { answerOnce, forgetReplies, openDatabase } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import type { Answer } from '../tests/http.js'
import { aBody, openRig, replyOf, type Rig, submit } from '../tests/rig.js'

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

let numKeys = 0
const aKey = () => `key-${++numKeys}`
const post = (key: string, payload: unknown = aBody(), headers: Record<string, string> = {}) =>
  rig.ask({ method: 'POST', url: '/jobs', payload, headers: { 'idempotency-key': key, ...headers } })
const problem = (answer: Answer) => {
  const { code } = answer.json() as { code: keyof typeof errorCatalogue }
  expect(answer.statusCode).toBe(errorCatalogue[code].status)
  return code
}
const idOf = (answer: Answer) => (replyOf('createJob', answer) as Job).id

describe('Idempotency-Key', () => {
  test('the same request again gives the same reply, and one job', async () => {
    const before = await rig.numRows()
    const key = aKey()
    const first = await post(key)
    const again = await post(key)

    expect(again.body).toBe(first.body)
    expect(again.statusCode).toBe(201)
    expect(again.headers['location']).toBe(`/jobs/${idOf(first)}`)
    expect([first, again].map(({ headers }) => headers['idempotent-replayed'])).toEqual([undefined, 'true'])
    expect(again.headers['content-type']).toBe(first.headers['content-type'])
    expect(await rig.numRows()).toBe(before + 2)
  })

  test('row 36: another body under the key is refused', async () => {
    const key = aKey()
    await post(key)

    expect(problem(await post(key, aBody({ name: 'another' })))).toBe('idempotency-key-reused')
  })

  test('row 37: of many at once one is done; the others hear that it runs, or its reply', async () => {
    const key = aKey()
    const before = await rig.numRows()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(key)))
    const done = answers.filter(({ statusCode }) => statusCode === 201)
    const late = answers.filter(({ statusCode }) => statusCode !== 201)

    expect(new Set(done.map(idOf)).size).toBe(1)
    for (const answer of late)
      expect([problem(answer), answer.headers['retry-after']]).toEqual(['request-in-progress', '1'])
    expect(await rig.numRows()).toBe(before + 2)
  })

  test('row 37: a request that still runs, here or on another instance, is a 409 that says when to ask again', async () => {
    const other = await openDatabase(services.databaseUrl)
    const keyId = (await rig.db.pool.query<{ id: string }>('SELECT id FROM api_key LIMIT 1')).rows[0]!.id
    const key = aKey()
    let answer: Answer | undefined
    await answerOnce(other, { keyId, route: 'createJob', key, requestHash: 'of another body' }, async () => {
      answer = await post(key)
      return { status: 201, location: null, reply: '{}' }
    })

    expect([problem(answer!), answer!.headers['retry-after']]).toEqual(['request-in-progress', '1'])
    expect(problem(await post(key))).toBe('idempotency-key-reused')
    await other.close()
  })

  test('row 38: belongs to one API key: another may use the same', async () => {
    const key = aKey()
    const other = { authorization: `Bearer ${await rig.key('submit')}` }

    expect(idOf(await post(key, aBody(), other))).not.toBe(idOf(await post(key)))
  })

  test('works on every POST, and one key may serve two routes', async () => {
    const job = await submit(rig)
    const key = aKey()
    const cancel = (id: string) =>
      rig.ask({ method: 'POST', url: `/jobs/${id}/cancel`, headers: { 'idempotency-key': key } })
    const first = await cancel(job.id)
    await post(key)
    const again = await cancel(job.id)

    expect(replyOf('cancelJob', first)).toMatchObject({ state: 'cancelled' })
    expect([again.statusCode, again.body, again.headers['idempotent-replayed']]).toEqual([200, first.body, 'true'])
    expect(problem(await cancel((await submit(rig)).id))).toBe('idempotency-key-reused')
  })

  test('a refusal is not kept: the mended request may take the same key', async () => {
    const key = aKey()
    expect(problem(await post(key, aBody({ spec: { dataset: 'nothing' } })))).toBe('validation-failed')

    expect((await post(key)).statusCode).toBe(201)
  })

  test.each(['', ' ', 'a b', 'ü', 'x'.repeat(256), 'tab\there'])('row 35: "%s" is no key', async (key) => {
    expect(problem(await post(key))).toBe('invalid-idempotency-key')
  })

  test('255 characters are one', async () => {
    expect((await post('~'.repeat(255))).statusCode).toBe(201)
  })

  test('a reply is forgotten after seven days of the database, and its row goes', async () => {
    const key = aKey()
    const first = await post(key)
    const age = (days: number) =>
      rig.db.pool.query(`UPDATE idempotency_key SET created_at = now() - make_interval(days => $1, secs => 60)`, [days])
    await age(6)
    expect(await forgetReplies(rig.db)).toBe(0)
    expect(idOf(await post(key))).toBe(idOf(first))
    await age(7)

    expect(idOf(await post(key))).not.toBe(idOf(first))
    expect(await forgetReplies(rig.db)).toBeGreaterThan(0)
    expect(idOf(await post(key, aBody(), {}))).not.toBe(idOf(first))
  })
})
