import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient } from '@kantor/client'
import type { StreamEvent } from '@kantor/contracts'
import { addSample, appendLog, appendPoints, deleteJob, finishAttempt, markRunning } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { aPoint, claim, openRig, type Rig, submit, unknownId } from '../tests/rig.js'

let services: Services
let rig: Rig
let key: string
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  key = await rig.key('read')
})
afterAll(async () => {
  // fetch opens a connection in place of one that was aborted, and sends nothing on it.
  rig.app.server.closeAllConnections()
  await rig.close()
  await services.stop()
})

const opened: AbortController[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.abort()
})

const aSample = (step: number) => ({
  id: randomUUID(),
  step,
  key: `samples/${randomUUID()}`,
  numImages: 4,
  columns: 2,
  tileSize: 8,
  padding: 2,
  channels: 1,
  sizeBytes: 99,
  sha256: 'ab'.repeat(32),
})

/** Everything that came so far, and what comes. */
async function follow(id: string, lastEventId?: string, apiKey = key) {
  const stop = new AbortController()
  opened.push(stop)
  const client = createClient({ url: `http://127.0.0.1:${rig.port}`, apiKey })
  const request = { params: { id }, signal: stop.signal, ...(lastEventId !== undefined && { lastEventId }) }
  const stream = await client.streamJob(request)
  const events: StreamEvent[] = []
  const reading = (async () => {
    for await (const event of stream) events.push(event)
  })()
  reading.catch(() => {})
  const until = async (holds: (seen: StreamEvent[]) => boolean) => {
    while (!holds(events)) await Promise.race([sleep(20), reading])
    return events
  }
  return { events, until, ended: reading, leave: () => stop.abort() }
}
const kinds = (events: StreamEvent[]) => events.map(({ event }) => event)

describe('GET /jobs/:id/stream', () => {
  test('tells states, points, samples and lines as they come, and ends with the job', async () => {
    const job = await submit(rig)
    const [one, other] = [await follow(job.id), await follow(job.id)]
    for (const reader of [one, other]) await reader.until((seen) => seen.length === 1)
    expect(one.events[0]).toMatchObject({ event: 'state', data: { to: 'queued', reason: 'submitted' } })

    const fence = await claim(rig.db, job)
    await markRunning(rig.db, fence)
    await appendLog(rig.db, fence, [{ ageMs: 0, level: 'info', source: 'stdout', text: 'two\nlines' }])
    await appendPoints(rig.db, fence, [aPoint(1, 0.5), aPoint(2, Number.NaN)])
    await addSample(rig.db, fence, aSample(2))
    await one.until((seen) => ['log', 'metric', 'sample'].every((kind) => kinds(seen).includes(kind as 'log')))
    await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
    await Promise.all([one.ended, other.ended])

    const states = one.events.flatMap((event) => (event.event === 'state' ? [event.data.to] : []))
    expect(states).toEqual(['queued', 'starting', 'running', 'succeeded'])
    expect(one.events.find(({ event }) => event === 'metric')?.data).toMatchObject({
      step: 2,
      values: { w_estimate: 'NaN' },
    })
    expect(one.events.find(({ event }) => event === 'log')?.data).toMatchObject({ text: 'two\nlines' })
    expect(one.events.at(-1)).toMatchObject({ event: 'end', data: { state: 'succeeded' } })
    expect(other.events.filter(({ event }) => event !== 'metric')).toEqual(
      one.events.filter(({ event }) => event !== 'metric'),
    )
  })

  test('goes on behind the last event that a reader saw: nothing twice, nothing left out', async () => {
    const job = await submit(rig)
    const fence = await claim(rig.db, job)
    const first = await follow(job.id)
    await first.until((seen) => seen.length > 0)
    for (const step of [1, 2]) await addSample(rig.db, fence, aSample(step))
    await first.until((seen) => kinds(seen).filter((kind) => kind === 'sample').length === 2)
    const seen = [...first.events]
    first.leave()

    await addSample(rig.db, fence, aSample(3))
    await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged' })
    const fromSecond = seen.findLastIndex(({ event }) => event === 'sample') - 1
    const rest = await follow(job.id, seen[fromSecond]!.id)
    await rest.ended
    const steps = rest.events.flatMap((event) => (event.event === 'sample' ? [event.data.step] : []))
    expect(steps).toEqual([2, 3])
    expect(kinds(rest.events).slice(-2)).toEqual(['state', 'end'])

    const over = await rig.ask({ url: `/jobs/${job.id}/stream`, headers: { 'last-event-id': rest.events.at(-1)!.id } })
    expect([over.statusCode, over.body]).toEqual([204, ''])
  })

  test('answers what is wrong before it begins', async () => {
    const { id } = await submit(rig)
    const forged = await rig.ask({ url: `/jobs/${id}/stream`, headers: { 'last-event-id': '1.2' } })
    expect([forged.statusCode, forged.json()]).toEqual([400, expect.objectContaining({ code: 'invalid-cursor' })])
    expect((await rig.ask({ url: `/jobs/${unknownId}/stream` })).statusCode).toBe(404)
    expect((await rig.askBare({ url: `/jobs/${id}/stream` })).statusCode).toBe(401)
  })

  test('a key has so many streams and no more; one that leaves makes room', async () => {
    const job = await submit(rig)
    const busy = await rig.key('read')
    const streams = []
    for (let i = 0; i < 20; i++) streams.push(await follow(job.id, undefined, busy))

    await expect(follow(job.id, undefined, busy)).rejects.toMatchObject({ code: 'rate-limited' })
    await (await follow(job.id)).until((seen) => seen.length > 0)
    streams[0]!.leave()
    let again
    while (!again) again = await follow(job.id, undefined, busy).catch(() => sleep(20))
    await again.until((seen) => seen.length > 0)
  })

  test('a reader that reads nothing gets no more than a little ahead, and holds nobody else up', async () => {
    const job = await submit(rig)
    const fence = await claim(rig.db, job)
    const deaf = httpRequest({
      host: '127.0.0.1',
      port: rig.port,
      path: `/jobs/${job.id}/stream`,
      headers: { authorization: `Bearer ${key}` },
    })
    await new Promise<void>((resolve) => deaf.once('response', (response) => resolve(void response.pause())).end())
    const good = await follow(job.id)
    const line = { ageMs: 0, level: 'info', source: 'stdout', text: 'x'.repeat(1000) } as const
    for (let i = 0; i < 10; i++)
      await appendLog(
        rig.db,
        fence,
        Array.from({ length: 100 }, () => line),
      )
    await good.until((seen) => kinds(seen).filter((kind) => kind === 'log').length === 1000)
    deaf.destroy()
  })

  test('ends when the job is deleted, and when the service goes down', async () => {
    const job = await submit(rig)
    const fence = await claim(rig.db, job)
    await finishAttempt(rig.db, fence, { to: 'failed', reason: 'diverged' })
    const other = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory, withKeys: false })
    const client = createClient({ url: `http://127.0.0.1:${other.port}`, apiKey: key })
    const waiting = await submit(rig)
    const reading = (async () => {
      for await (const _ of await client.streamJob({ params: { id: waiting.id } })) await other.close()
    })()
    await reading
    const gone = await follow(job.id, '0.0.0.0')
    await deleteJob(rig.db, job.id)
    await gone.ended
  })
})
