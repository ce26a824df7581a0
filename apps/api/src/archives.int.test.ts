import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  type ArchiveManifest,
  type Attempt,
  type Checkpoint,
  type CurveReply,
  type Job,
  type JobEvent,
  type Sample,
  seriesNames,
} from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { parquetReadObjects } from 'hyparquet'
import type { Answer } from '../tests/http.js'
import { refused } from '../tests/refused.js'
import { openRig, replyOf, type Rig, sha256, submit, unknownId } from '../tests/rig.js'
import {
  checkpointPath,
  type Files,
  jsonOf,
  sendArchive,
  trained,
  unzip,
  valuesAt,
  weights,
} from '../tests/trained-job.js'

/** More than two chunks of the curve, so that some of it is in the pyramid. */
const course = { resumedAt: 2000, lostAt: 2500, steps: 3500 }

let services: Services
let rig: Rig
let job: Job
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  job = await trained(rig, 'Größe = "4"', course)
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const exported = (of = job.id, checkpoints = 'all') => rig.ask({ url: `/jobs/${of}/export?checkpoints=${checkpoints}` })
const imported = async (archive: Buffer) => replyOf('importJob', await rig.ask(sendArchive(archive))) as Job
const listed = async <T>(id: string, what: string): Promise<T[]> =>
  ((await rig.ask({ url: `/jobs/${id}/${what}` })).json() as { items: T[] }).items

const withoutSeconds = ({ usage, ...rest }: Attempt) => ({ ...rest, cpuSeconds: usage.cpuSeconds })
const withoutIds = (of: Checkpoint) => ({ ...of, id: '', jobId: '', url: '' })

describe('GET /jobs/:id/export', () => {
  let files: Files
  let archive: Answer
  beforeAll(async () => {
    archive = await exported()
    files = await unzip(archive.bytes, services.directory)
  })

  test('is one ZIP with all that is known of the job, hashed, the same bytes each time', async () => {
    expect(archive.statusCode).toBe(200)
    expect(archive.headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="kantor-job-${job.id}.zip"`,
    })
    expect((await exported()).bytes.equals(archive.bytes)).toBe(true)
    const { entries, ...manifest } = jsonOf(files, 'manifest.json') as ArchiveManifest
    expect(manifest).toEqual({ format: 'kantor-job', version: 1, host: `127.0.0.1:${rig.port}` })
    expect([...files.keys()]).toEqual([...entries.map(({ name }) => name), 'manifest.json'])
    for (const { name, ...entry } of entries)
      expect({ sizeBytes: files.get(name)!.length, sha256: sha256(files.get(name)!) }).toEqual(entry)
    const { spec, ...record } = job
    expect([jsonOf(files, 'job.json'), jsonOf(files, 'spec.json')]).toEqual([record, spec])
    expect(jsonOf(files, 'events.json')).toEqual(await listed(job.id, 'events'))
    expect(jsonOf(files, 'attempts.json')).toEqual(await listed(job.id, 'attempts'))
    const checkpoints = await listed<Checkpoint>(job.id, 'checkpoints')
    expect((jsonOf(files, 'checkpoints.json') as Checkpoint[]).map(({ sha256: hash }) => hash)).toEqual(
      checkpoints.toReversed().map(({ sha256: hash }) => hash),
    )
  })

  test('its curve is every point in CSV and in Parquet, to the last bit', async () => {
    const lines = files
      .get('curve.csv')!
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','))
    const parquet = new Uint8Array(files.get('curve.parquet')!).buffer
    const rows = await parquetReadObjects({ file: parquet })
    expect(lines[0]).toEqual(['step', 'critic_step', 'attempt', 'time', ...seriesNames])
    expect([lines.length - 1, rows.length]).toEqual([course.steps, course.steps])
    for (const [i, line] of lines.slice(1).entries()) {
      const [step, attempt] = [i + 1, i < course.resumedAt ? 1 : 2]
      const values = seriesNames.map((name) => valuesAt(attempt, step).get(name) ?? null)
      const [place, cells] = [line.slice(0, 3).map(Number), line.slice(4)]
      // toEqual tells -0 from 0.
      expect(cells.map((cell) => (cell === '' ? null : Math.fround(Number(cell))))).toEqual(values)
      const row = rows[i]!
      expect(seriesNames.map((name) => row[name] as number | null)).toEqual(values)
      expect([place, [row['step'], Number(row['critic_step']), row['attempt']]]).toEqual([
        [step, step * 5, attempt],
        [step, step * 5, attempt],
      ])
      expect((row['time'] as Date).toISOString()).toBe(line[3])
    }
    expect(files.get('superseded.csv')!.toString().split('\n')).toHaveLength(course.lostAt - course.resumedAt + 2)
  })

  test('holds the checkpoints that are asked for, and lists all of them', async () => {
    for (const [choice, steps] of [
      ['none', []],
      ['last', [course.steps]],
      ['all', [course.resumedAt, course.steps]],
    ] as const) {
      const found = await unzip((await exported(job.id, choice)).bytes, services.directory)
      const names = [...found.keys()].filter((name) => name.startsWith('checkpoints/'))
      expect(names.map((name) => found.get(name))).toEqual(steps.map(weights))
      expect((jsonOf(found, 'checkpoints.json') as { file: string | null }[]).map(({ file }) => file)).toHaveLength(2)
    }
    await refused(rig, { url: `/jobs/${job.id}/export?checkpoints=some` }, 422, 'invalid-query')
    await refused(rig, { url: `/jobs/${unknownId}/export` }, 404, 'not-found')
  })

  test('breaks off at a damaged object instead of ending well', async () => {
    const damaged = await trained(rig, 'damaged', course)
    const [{ step }] = (await listed<Checkpoint>(damaged.id, 'checkpoints')) as [Checkpoint]
    await writeFile(join(services.directory, 'objects/objects', checkpointPath(damaged.id, step)), 'other')
    const ended = await exported(damaged.id).then(
      ({ statusCode }) => statusCode,
      () => 'broken',
    )
    expect(ended).toBe('broken')
    const audit = (await rig.ask({ url: `/audit?target=${job.id}&action=exportJob` })).json() as { items: unknown[] }
    expect(audit.items).not.toEqual([])
  })
})

describe('POST /jobs/import', () => {
  let copy: Job
  beforeAll(async () => {
    copy = await imported((await exported()).bytes)
  })

  test('gives a job of its own that tells where it comes from', async () => {
    const { id, createdAt, importedFrom, ...same } = copy
    expect(id).not.toBe(job.id)
    expect(same).toEqual({ ...job, id: undefined, createdAt: undefined, importedFrom: undefined, revision: 1 })
    expect(Date.parse(createdAt)).toBeGreaterThan(Date.parse(job.createdAt))
    const host = `127.0.0.1:${rig.port}`
    expect(importedFrom).toEqual({ jobId: job.id, host, createdAt: job.createdAt, startFrom: null })
    const events = await listed<JobEvent>(id, 'events')
    expect(events.slice(0, -1)).toEqual(await listed(job.id, 'events'))
    expect(events.at(-1)).toMatchObject({ from: 'succeeded', to: 'succeeded', reason: 'imported', actor: 'admin key' })
    const ours = await listed<Attempt>(id, 'attempts')
    const theirs = await listed<Attempt>(job.id, 'attempts')
    // Times travel in milliseconds, as everywhere on the wire.
    expect(ours.map(withoutSeconds)).toEqual(theirs.map(withoutSeconds))
    for (const [i, { usage }] of ours.entries()) expect(usage.seconds).toBeCloseTo(theirs[i]!.usage.seconds, 2)
  })

  const curves = ['minmax', 'mean', 'last', 'lttb'].flatMap((agg) => [
    `agg=${agg}&maxPoints=50&attempts=all`,
    `agg=${agg}&maxPoints=700&smooth=median:101&x=wall&metrics=${seriesNames.join(',')}`,
    `agg=${agg}&from=1900&to=2600&x=critic_step&smooth=ema:0.9&attempts=all&metrics=w_estimate,real_sd,slope_real`,
  ])
  test.each([
    ...curves,
    'agg=none&maxPoints=5000&attempts=all&x=wall',
    'format=csv',
    'format=ndjson&smooth=median:101',
  ])('its curve is that of the original, bit for bit: %s', async (query) => {
    const [theirs, ours] = [
      await rig.ask({ url: `/jobs/${job.id}/curve?${query}` }),
      await rig.ask({ url: `/jobs/${copy.id}/curve?${query}` }),
    ]
    expect([theirs.statusCode, ours.body.replaceAll(copy.id, job.id) === theirs.body]).toEqual([200, true])
  })

  test('its samples and checkpoints are there with their bytes, and a new job starts from them', async () => {
    for (const what of ['samples', 'checkpoints']) {
      const [theirs, ours] = [await listed<Checkpoint>(job.id, what), await listed<Checkpoint>(copy.id, what)]
      expect(ours.map(withoutIds)).toEqual(theirs.map(withoutIds))
      for (const [i, { url }] of ours.entries())
        expect((await rig.ask({ url })).bytes.equals((await rig.ask({ url: theirs[i]!.url })).bytes)).toBe(true)
    }
    const pointsOf = async (of: Job) => {
      const [{ url }] = (await listed<Sample>(of.id, 'samples')).slice(-1) as [Sample]
      return (await rig.ask({ url: url.replace('download', 'points') })).json()
    }
    expect(await pointsOf(copy)).toEqual(await pointsOf(job))
    const [{ id }] = (await listed<Checkpoint>(copy.id, 'checkpoints')) as [Checkpoint]
    const startFrom = { jobId: copy.id, checkpoint: id }
    const child = await submit(rig, {
      startFrom,
      spec: { dataset: 'digits', budget: { generatorSteps: course.steps + 1 } },
    })
    expect(child.startFrom).toEqual(startFrom)
  })

  test('is exported again as it came', async () => {
    const [theirs, ours] = [
      await unzip((await exported()).bytes, services.directory),
      await unzip((await exported(copy.id)).bytes, services.directory),
    ]
    for (const name of ['spec.json', 'curve.json', 'curve.csv', 'superseded.csv', 'curve.parquet'])
      expect([name, ours.get(name)!.equals(theirs.get(name)!)]).toEqual([name, true])
  })

  test('it used none of the machines here, and ends no alert rule', async () => {
    const { items } = (await rig.ask({ url: '/usage?groupBy=job' })).json() as { items: { group: { job: string } }[] }
    expect(items.map(({ group }) => group.job)).toContain(job.id)
    expect(items.map(({ group }) => group.job)).not.toContain(copy.id)
    expect((await rig.ask({ url: `/jobs/${copy.id}/usage` })).json()).toMatchObject({ attempts: 0, seconds: 0 })
  })

  test('one without checkpoints lists none; with an Idempotency-Key it is imported once', async () => {
    const archive = (await exported(job.id, 'none')).bytes
    const [first, again] = [
      await rig.ask(sendArchive(archive, { 'idempotency-key': 'once' })),
      await rig.ask(sendArchive(archive, { 'idempotency-key': 'once' })),
    ]
    const { id } = replyOf('importJob', first) as Job
    expect([again.body, again.headers['idempotent-replayed']]).toEqual([first.body, 'true'])
    expect(await listed(id, 'checkpoints')).toEqual([])
    const other = (await exported()).bytes
    await refused(rig, sendArchive(other, { 'idempotency-key': 'once' }), 422, 'idempotency-key-reused')
  })
})

test('format=parquet of a curve has the rows of its CSV, typed', async () => {
  const query = 'smooth=median:101&maxPoints=50&attempts=all'
  const answer = await rig.ask({ url: `/jobs/${job.id}/curve?format=parquet&${query}` })
  const curve = (await rig.ask({ url: `/jobs/${job.id}/curve?${query}` })).json() as CurveReply
  expect(answer.headers['content-type']).toBe('application/vnd.apache.parquet')
  const rows = await parquetReadObjects({ file: new Uint8Array(answer.bytes).buffer })
  const ours = rows.filter(({ series, attempt }) => series === 'w_estimate' && attempt === null)
  const theirs = curve.series.w_estimate!
  expect(ours.map(({ x, last, min, smooth, bad }) => [x, last, min, smooth, bad])).toEqual(
    theirs.x.map((x, i) => [x, Math.fround(Number(theirs.last[i])), theirs.min[i], theirs.smooth![i], theirs.bad[i]]),
  )
})
