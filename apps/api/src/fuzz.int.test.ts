import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CreateJob, Problem, routes } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import fc from 'fast-check'
import { openRig, replyOf, type Rig, unknownId } from '../tests/rig.js'

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

const whole = CreateJob.parse({ name: 'x', tags: { a: 'b' }, spec: { dataset: 'digits', seed: 1 } })

/** Every path of keys into a value. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

/** A copy with another value at the path. */
function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by
  const object = value as Record<string, unknown>
  return { ...object, [key]: replaced(object[key], rest, by) }
}

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
  fc.constantFrom<unknown>(
    '\u0000',
    '\ud800',
    '../..',
    "';--",
    -0,
    2 ** 53,
    [],
    {},
    { kind: 'adam' },
    null,
    'constructor',
  ),
)
const mutation = fc.record({
  path: fc.constantFrom(...pathsOf(whole)),
  extraKey: fc.option(fc.constantFrom('x', 'constructor', 'toString', 'hasOwnProperty', 'a/b~c', '\u0000', '')),
  value: junk,
})

test('no body makes the service fail: it is a job or a problem, and only a job is written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      const body = mutations.reduce<unknown>((value, { path, extraKey, value: by }) => {
        const at = extraKey === null ? path : [...path, extraKey]
        try {
          return replaced(value, at, by)
        } catch {
          return value
        }
      }, whole)
      const before = await rig.numRows()
      const response = await rig.ask({
        method: 'POST',
        url: '/jobs',
        payload: JSON.stringify(body) ?? 'null',
        headers: { 'content-type': 'application/json' },
      })
      if (response.statusCode === 201) replyOf('createJob', response)
      else {
        expect([400, 413, 422]).toContain(response.statusCode)
        expect(Problem.parse(response.json()).status).toBe(response.statusCode)
        expect(await rig.numRows()).toBe(before)
      }
    }),
    { numRuns: 300 },
  )
})

test('no query makes the service fail', async () => {
  const paths = Object.values(routes)
    .filter((route) => route.method === 'GET')
    .map((route) => route.path.replace(':id', unknownId))
  const name = fc.oneof(
    fc.constantFrom('limit', 'cursor', 'state', 'metrics', 'from', 'sinceSeq', 'smooth'),
    fc.string({ maxLength: 8 }),
  )
  const value = fc.oneof(
    fc.constantFrom('', '-1', '1e9', 'NaN', '%00', 'median:2', 'running,', '0x10'),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.array(fc.tuple(name, value), { maxLength: 4 }),
      async (path, pairs) => {
        const query = pairs.map((pair) => pair.map((part) => encodeURIComponent(part)).join('=')).join('&')
        const response = await rig.ask({ url: `${path}?${query}` })

        expect([200, 400, 404, 422]).toContain(response.statusCode)
        if (response.statusCode !== 200) expect(Problem.parse(response.json()).code).not.toBe('internal')
      },
    ),
    { numRuns: 300 },
  )
})
