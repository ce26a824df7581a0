import { describe, expect, test } from '@jest/globals'
import { AppError, type CurveReply, type JobState } from '@kantor/contracts'
import { ClientError, createClient, watchJob } from './index.js'

const id = '0198c0de-0000-7000-8000-000000000001'

const curveOf = (seq: number, xs: number[], reset: CurveReply['reset'] = null): CurveReply => ({
  jobId: id,
  x: 'gen_step',
  resolution: 1,
  seq,
  complete: false,
  reset,
  series: {
    w_estimate: {
      x: xs,
      last: xs.map(() => seq),
      min: xs,
      max: xs,
      mean: xs,
      n: xs.map(() => 1),
      bad: xs.map(() => 0),
    },
  },
  marks: [],
})

const reply = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
const problem = () => reply(new AppError('shutting-down', 'back soon').toProblem('/', 'r'), 503)

/** An API whose job goes through `states`, one per poll, with one curve reply per poll. */
function script(states: (JobState | 'down')[], curves: CurveReply[]) {
  const asked: string[] = []
  let poll = -1
  let numCurves = -1
  const answer = (input: unknown): Response => {
    const path = new URL(String(input)).pathname + new URL(String(input)).search
    asked.push(path)
    if (path.includes('/curve')) return reply(curves[Math.min(++numCurves, curves.length - 1)])
    const state = states[Math.min(++poll, states.length - 1)]
    return state === 'down' ? problem() : reply({ id, state, reason: 'claimed', attempt: 1, progress: null })
  }
  const client = createClient({ url: 'http://api', fetch: (input) => Promise.resolve(answer(input)) })
  return { client, asked }
}

async function collect(views: ReturnType<typeof watchJob>) {
  const seen: { state: JobState; x: number[]; last: unknown[] }[] = []
  for await (const { job, curve } of views) {
    const { x, last } = curve.series.w_estimate!
    seen.push({ state: job.state, x, last })
  }
  return seen
}

describe('watchJob', () => {
  test('follows the curve by cursor and ends after the terminal state', async () => {
    const { client, asked } = script(
      ['running', 'running', 'succeeded'],
      [curveOf(1, [1, 2]), curveOf(2, [2, 3]), curveOf(3, [4])],
    )

    const seen = await collect(watchJob(client, id, { intervalMs: 1 }))

    expect(seen.map(({ state }) => state)).toEqual(['running', 'running', 'succeeded'])
    expect(seen.at(-1)).toEqual({ state: 'succeeded', x: [1, 2, 3, 4], last: [1, 2, 2, 3] })
    expect(asked.filter((path) => path.includes('curve'))).toEqual([
      `/jobs/${id}/curve`,
      `/jobs/${id}/curve?sinceSeq=1&resolution=1`,
      `/jobs/${id}/curve?sinceSeq=2&resolution=1`,
    ])
  })

  test('forgets what a resumed attempt rolled back', async () => {
    const { client } = script(['running', 'failed'], [curveOf(1, [1, 2, 3]), curveOf(2, [2], { fromStep: 2 })])

    const seen = await collect(watchJob(client, id, { intervalMs: 1 }))

    expect(seen.at(-1)!.x).toEqual([1, 2])
  })

  test('says nothing while nothing changes', async () => {
    const { client } = script(['queued', 'queued', 'queued', 'cancelled'], [curveOf(0, [])])

    expect((await collect(watchJob(client, id, { intervalMs: 1 }))).map(({ state }) => state)).toEqual([
      'queued',
      'cancelled',
    ])
  })

  test('waits out a short outage', async () => {
    const { client } = script(['running', 'down', 'down', 'succeeded'], [curveOf(1, [1])])

    expect(await collect(watchJob(client, id, { intervalMs: 1 }))).toHaveLength(2)
  })

  test('gives up after its patience', async () => {
    const { client } = script(['running', 'down'], [curveOf(1, [1])])

    await expect(collect(watchJob(client, id, { intervalMs: 1, patienceMs: 20 }))).rejects.toThrow(ClientError)
  })

  test('ends at once when its signal is aborted in a pause', async () => {
    const { client } = script(['running'], [curveOf(1, [1])])
    const stop = new AbortController()
    const reason = new Error('enough')
    const views = watchJob(client, id, { intervalMs: 60_000, signal: stop.signal })
    await views.next()
    const next = views.next()
    stop.abort(reason)

    await expect(next).rejects.toBe(reason)
  })
})
