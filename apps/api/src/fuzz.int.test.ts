import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { errorCatalogue, Problem, type Route, type RouteName, routes, type Sweep } from '@kantor/contracts'
import { addCheckpoint, addSample, appendPoints, finishAttempt, markRunning } from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type Services, startServices } from '@kantor/testing'
import fc from 'fast-check'
import { z } from 'zod'
import { arbitraryOf, junk, type Schema } from '../tests/arbitrary-of.js'
import type { Ask } from '../tests/http.js'
import { aPoint, claim, openRig, replyOf, type Rig, sha256, submit, unknownId } from '../tests/rig.js'

// A stream ends only with its job: its own tests read it.
const names = (Object.keys(routes) as RouteName[]).filter((name) => routes[name].reply !== 'text/event-stream')
// One and the same by default: what a change breaks shows with that change. Others find more: KANTOR_FUZZ_SEED, KANTOR_FUZZ_SECONDS.
const seed = Number(process.env['KANTOR_FUZZ_SEED'] ?? 20261126)
const seconds = Number(process.env['KANTOR_FUZZ_SECONDS'] ?? 15)
process.stderr.write(`fuzz: KANTOR_FUZZ_SEED=${seed}, ${seconds} s over ${names.length} routes\n`)

let services: Services
let rig: Rig
let token: string
let logged = ''
/** Of things that exist, one of them over, one held by a worker. */
const ids: string[] = [unknownId, 'x', '%2e%2e', '%00', '%e0%a4', 'a;b', "'%20OR%201=1"]
const seen = { done: 0, refused: 0 }

beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  const destination = new Writable({ write: (chunk, _, done) => done(void (logged += String(chunk))) })
  rig = await openRig({
    databaseUrl: services.databaseUrl,
    directory: services.directory,
    deps: { log: createLogger({ logLevel: 'debug' }, 'fuzz', destination), requestsPerSecond: 1e6 },
  })
  token = await rig.key('admin')
  await fill()
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='

/** Jobs in several states with all that a job can have. */
async function fill(): Promise<void> {
  const [queued, running, over] = [await submit(rig), await submit(rig), await submit(rig)]
  // One grey pixel: a sample has to be an image, a checkpoint here may be anything.
  const bytes = Buffer.from(PIXEL, 'base64')
  for (const job of [running, over]) {
    const fence = await claim(rig.db, job)
    await markRunning(rig.db, fence)
    await appendPoints(rig.db, fence, [aPoint(1, 1.5), aPoint(2, Number.NaN), aPoint(3, 1)])
    const object = { key: `tests/${job.id}`, sizeBytes: bytes.length, sha256: sha256(bytes) }
    await rig.store.put(object.key, bytes, { contentType: 'application/octet-stream', sha256: object.sha256 })
    const checkpoint = await addCheckpoint(rig.db, fence, { id: randomUUID(), step: 3, points: [], ...object })
    const grid = { numImages: 1, columns: 1, tileSize: 1, padding: 0, channels: 1 }
    const sample = await addSample(rig.db, fence, { id: randomUUID(), step: 3, ...object, ...grid })
    ids.push(checkpoint.id, sample.id)
    if (job === over) await finishAttempt(rig.db, fence, { to: 'succeeded', reason: 'budget_reached' })
  }
  ids.push(queued.id, running.id, over.id)
  const search = { kind: 'grid', parameters: { batchSize: { values: [16, 32] } } }
  const sweep = await rig.ask({ method: 'POST', url: '/sweeps', payload: { spec: { dataset: 'digits' }, search } })
  ids.push((replyOf('createSweep', sweep) as Sweep).id)
}

/** Every path of keys into a value. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

/** A copy with another value at the path. */
function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by
  const under = (value ?? {}) as Record<string, unknown>
  return Array.isArray(value)
    ? value.map((item, index) => (String(index) === key ? replaced(item, rest, by) : (item as unknown)))
    : { ...under, [key]: replaced(under[key], rest, by) }
}

const fault = fc.record({
  at: fc.nat(),
  by: junk,
  key: fc.option(fc.constantFrom('x', 'constructor', 'toString', '__proto__', 'hasOwnProperty', 'a/b~c', '\u0000', '')),
})
const mangled = fc.constantFrom<(text: string) => string | Buffer>(
  (text) => text.slice(0, -1),
  (text) => `${text}x`,
  (text) => text.replace('{', '{"x":1,"x":2,'),
  (text) => Buffer.concat([Buffer.from(text), Buffer.from([0xff])]),
  () => '['.repeat(5000),
  () => '',
)

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema

/** Bodies that the schema takes, some with up to two faults, some of them no JSON any more. */
const bodyOf = (schema: z.ZodType): fc.Arbitrary<string | Buffer> =>
  fc
    .tuple(arbitraryOf(jsonSchema(schema)), fc.array(fault, { maxLength: 2 }), fc.option(mangled, { freq: 8 }))
    .map(([whole, faults, mangle]) => {
      const value = faults.reduce((body, { at, by, key }) => {
        const paths = pathsOf(body)
        const path = paths[at % paths.length]!
        return replaced(body, key === null ? path : [...path, key], by)
      }, whole)
      const text = JSON.stringify(value) ?? 'null'
      return mangle ? mangle(text) : text
    })

const wild = fc.oneof(
  fc.constantFrom(
    '',
    '-1',
    '0',
    '1e9',
    'NaN',
    'median:2',
    'running,',
    '0x10',
    'a'.repeat(5000),
    'eyJhIjoxfQ',
    '\u0000',
    '\ud7ff',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** A lone surrogate has no UTF-8. */
const escaped = (text: string) => encodeURIComponent(Buffer.from(text).toString())

function queryOf(schema: z.ZodType | undefined): fc.Arbitrary<string> {
  const properties = (schema && jsonSchema(schema).properties) ?? {}
  const own = fc.record(
    Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, fc.oneof(arbitraryOf(inner).map(String), wild)]),
    ),
    { requiredKeys: [] },
  )
  const other = fc.array(fc.tuple(fc.constantFrom('limit', 'cursor', '__proto__', 'x'), wild), { maxLength: 1 })
  return fc.tuple(own, other).map(([known, more]) =>
    [...(Object.entries(known) as [string, string][]), ...more]
      // To wait for news is not what is tested here.
      .map(([name, value]) => `${escaped(name)}=${name === 'wait' && /^\d+$/.test(value) ? '0' : escaped(value)}`)
      .join('&'),
  )
}

const headersOf = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'text/plain',
      'application/json x',
      '',
    ),
    'content-encoding': fc.constantFrom('identity', 'gzip', 'br, gzip'),
    'idempotency-key': fc.constantFrom('one', 'two', '', ' ', 'a b', 'x'.repeat(256)),
    'if-match': fc.constantFrom('*', '"1"', 'W/"1"', 'nonsense', ''),
    'if-none-match': fc.constantFrom('*', '"1"', 'W/"x:1:y"', 'nonsense'),
    accept: fc.constantFrom('text/csv', 'application/x-ndjson', 'text/event-stream', '*/*', 'nonsense'),
    range: fc.constantFrom('bytes=0-1', 'bytes=9-1', 'nonsense'),
    'x-request-id': fc.constantFrom('trace-1', 'a\tb', 'x'.repeat(300)),
    'accept-encoding': fc.constantFrom('gzip;q=0', 'nonsense'),
  },
  { requiredKeys: [] },
)

const requestTo = (route: Route): fc.Arbitrary<Ask> =>
  fc
    .record({
      // Ids come into being in `beforeAll`, after this.
      id: fc.nat(),
      query: queryOf(route.query),
      headers: fc.option(headersOf, { freq: 3 }),
      payload: route.body ? bodyOf(route.body) : fc.constant(undefined),
    })
    .map(({ id, query, headers, payload }) => ({
      method: route.method,
      url: `${route.path.replaceAll(/:\w+/g, () => ids[id % ids.length]!)}${query === '' ? '' : `?${query}`}`,
      headers: {
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...headers,
        authorization: `Bearer ${token}`,
      },
      payload,
    }))

describe('whatever is sent to', () => {
  test.each(names)('%s, the answer is declared, no failure of ours, and tells no secret', async (name) => {
    const password = decodeURIComponent(new URL(services.databaseUrl).password)
    const route: Route = routes[name]
    let last = ''
    await fc
      .assert(
        fc.asyncProperty(requestTo(route), async (request) => {
          last = JSON.stringify(request)
          const response = await rig.ask(request)
          const { statusCode, headers } = response
          if (statusCode === 304) expect(request.headers).toHaveProperty('if-none-match')
          else if (statusCode < 400) {
            seen.done += 1
            expect([route.status, route.dryRun?.status]).toContain(statusCode)
            if (route.reply instanceof z.ZodType && /json/.test(headers['content-type'] ?? '')) {
              replyOf(name, response)
            }
          } else {
            seen.refused += 1
            const problem = Problem.parse(response.json())
            expect([problem.status, problem.status < 500]).toEqual([statusCode, true])
            expect(errorCatalogue[problem.code].status).toBe(statusCode)
          }
          const told = JSON.stringify(headers) + response.body
          expect([told.includes(token), told.includes(password)]).toEqual([false, false])
        }),
        {
          seed,
          numRuns: 1_000_000,
          // On a busy machine a share of the time may be less than one request takes.
          interruptAfterTimeLimit: Math.max(1000, (seconds * 1000) / names.length),
          markInterruptAsFailure: false,
        },
      )
      .catch((error: unknown) => {
        throw new Error(`KANTOR_FUZZ_SEED=${seed}: ${last.slice(0, 2000)}`, { cause: error })
      })
    const lines = logged
    logged = ''
    expect([lines.includes(token), lines.includes(password)]).toEqual([false, false])
    expect(lines.split('\n').filter((line) => /"level":"(?:error|fatal)"/.test(line))).toEqual([])
  })

  test('any of them, some requests are done and some refused', () => {
    expect(seen.done).toBeGreaterThan(names.length)
    expect(seen.refused).toBeGreaterThan(names.length)
  })
})
