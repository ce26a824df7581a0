// Datasets that come over the API; how each form of source is read is tested where it is read.
import { createHash } from 'node:crypto'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { DatasetDetail, DatasetImport, Problem } from '@kantor/contracts'
import { claimImport, requeueImports } from '@kantor/db'
import { createLogger, type ImportService } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import { type MadeEntry, type Services, startServices, zipBytes } from '@kantor/testing'
import { aBody, openRig, replyOf, type Rig } from '../tests/rig.js'
import { importNext } from './imports/importer.js'

/** One grey pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
)
/** Of buckets. */
const open = { importPlaces: ['s3://open', 's3://shared/photos', 's3://no-such-bucket'], importMebibytes: 1 }
let services: Services
let rig: Rig
let root: string

beforeAll(async () => {
  services = await startServices({ redis: false })
  root = join(services.directory, 'open')
  await mkdir(join(root, 'photos', 'cat'), { recursive: true })
  await mkdir(join(root, 'empty'))
  for (const i of [0, 1, 2]) await writeFile(join(root, 'photos', 'cat', `${i}.png`), png)
  await writeFile(join(services.directory, 'secret.png'), png)
  await symlink(services.directory, join(root, 'out'))
  rig = await openRig({
    databaseUrl: services.databaseUrl,
    directory: services.directory,
    deps: { ...open, importRoots: [root], spoolDirectory: join(services.directory, 'uploads') },
  })
})
afterAll(async () => {
  await rig?.close()
  await services?.stop()
})

const work = (signal = new AbortController().signal, service: Partial<ImportService> = {}) =>
  importNext(
    {
      db: rig.db,
      store: rig.store,
      log: createLogger({ logLevel: 'silent' }, 'test'),
      dataDir: services.directory,
      importRoots: [root],
      ...open,
      importService: { ...services.s3, variables: 'KANTOR_IMPORT_S3', ...service },
    },
    signal,
  )
const importFrom = (id: string, from: string) => rig.ask({ method: 'POST', url: '/datasets', payload: { id, from } })
const upload = (id: string, payload: Buffer, headers: Record<string, string> = {}) =>
  rig.ask({
    method: 'POST',
    url: `/datasets/${id}/upload`,
    payload,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  })
const read = async ({ id }: DatasetImport) =>
  replyOf('getImport', await rig.ask({ url: `/imports/${id}` })) as DatasetImport

describe('a folder on the API’s machine', () => {
  test('becomes a version with statistics, a preview and jobs', async () => {
    const answer = await importFrom('photos', join(root, 'photos'))
    const asked = replyOf('importDataset', answer) as DatasetImport
    expect(answer.headers['location']).toBe(`/imports/${asked.id}`)
    expect(asked).toMatchObject({ state: 'queued', from: join(root, 'photos'), version: null, problem: null })

    expect([await work(), await work()]).toEqual([true, false])

    const done = await read(asked)
    expect(done).toMatchObject({ state: 'succeeded', numImages: 3, attempt: 1, problem: null })
    const found = replyOf('getDataset', await rig.ask({ url: '/datasets/photos' })) as DatasetDetail
    expect(found).toMatchObject({ version: done.version, labels: ['cat'], hasPreview: true, channels: 1 })
    expect(found.statistics).toMatchObject({ labelCounts: [3], sizes: [{ width: 1, height: 1, count: 3 }] })
    const preview = await rig.ask({ url: `/datasets/photos/preview?version=${done.version}` })
    expect([preview.statusCode, preview.headers['content-type']]).toEqual([200, 'image/png'])

    // The same content is the same version; a changed folder is another one.
    await importFrom('photos', join(root, 'photos'))
    await writeFile(join(root, 'photos', 'cat', '3.png'), png)
    await work()
    const versions = await rig.ask({ url: '/datasets/photos/versions' })
    expect((replyOf('listDatasetVersions', versions) as { items: unknown[] }).items).toMatchObject([
      { numImages: 4 },
      { numImages: 3, version: done.version },
    ])
    const { items } = replyOf('listImports', await rig.ask({ url: '/datasets/photos/imports' })) as { items: unknown[] }
    expect(items).toHaveLength(2)
    const job = aBody({ spec: { dataset: `photos@${done.version}`, batchSize: 2 } })
    expect((await rig.ask({ method: 'POST', url: '/jobs', payload: job })).statusCode).toBe(201)
  })

  test('D3: with fewer images than a batch has is refused when the job is submitted', async () => {
    const answer = await rig.ask({ method: 'POST', url: '/jobs', payload: aBody({ spec: { dataset: 'photos' } }) })

    expect(answer.statusCode).toBe(422)
    expect((answer.json() as Problem).errors).toContainEqual(expect.objectContaining({ code: 'dataset-too-small' }))
  })

  test.each([
    'file:///etc/passwd',
    '/proc/self/environ',
    '/etc/passwd',
    '../../',
    '..\\..\\',
    '%252e%252e',
    'http://169.254.169.254/',
    'gopher://localhost./x',
    'OPEN/../secret.png',
    'OPEN/out/secret.png',
    'OPEN-else/x',
    '/nothing/at/all',
  ])('D1, D2: %j is forbidden, whether it is there or not', async (from) => {
    const answer = await importFrom('photos', from.replace('OPEN', root))

    expect(answer.statusCode).toBe(422)
    expect((answer.json() as Problem).errors).toMatchObject([{ pointer: '/from', code: 'dataset-ref-forbidden' }])
  })

  test('D3: that is missing is told at once, one that is empty by the import', async () => {
    const missing = await importFrom('photos', join(root, 'nothing'))
    expect((missing.json() as Problem).errors).toMatchObject([{ pointer: '/from', code: 'dataset-not-found' }])
    const empty = replyOf('importDataset', await importFrom('none', join(root, 'empty'))) as DatasetImport
    await work()

    expect(await read(empty)).toMatchObject({ state: 'failed', problem: { code: 'dataset-empty', status: 422 } })
    expect((await rig.ask({ url: '/datasets/none' })).statusCode).toBe(404)
  })

  test('is not read where no folder is open to imports', async () => {
    const { databaseUrl, directory } = services
    const closed = await openRig({ databaseUrl, directory })
    const answer = await closed.ask({ method: 'POST', url: '/datasets', payload: { id: 'x', from: root } })
    await closed.close()

    expect((answer.json() as Problem).errors).toMatchObject([{ code: 'dataset-ref-forbidden' }])
  })
})

describe('a prefix of a bucket', () => {
  const buckets: Record<string, ObjectStore> = {}
  const put = (bucket: string, key: string, bytes: Buffer) =>
    buckets[bucket]!.put(key, bytes, {
      contentType: 'image/png',
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
  beforeAll(async () => {
    for (const bucket of ['open', 'shared', 'closed'])
      buckets[bucket] = await openStore({ s3: { ...services.s3, bucket }, directory: '/nonexistent' })
  })
  afterAll(() => Promise.all(Object.values(buckets).map((bucket) => bucket.close())))

  test('is the same version as its folder, its archive there and its archive uploaded', async () => {
    const names = ['cat/0.png', 'cat/1.png', 'dog/x.png', 'readme.txt']
    for (const name of names) {
      await mkdir(join(root, 'pair', dirname(name)), { recursive: true })
      await writeFile(join(root, 'pair', name), png)
      await put('shared', `photos/pair/${name}`, png)
    }
    await put('shared', 'photos/pair-else/y.png', png)
    const zip = zipBytes(names.map((name) => ({ name, bytes: png })))
    await put('open', 'pair.zip', zip)

    const asked = [
      await importFrom('pair', 's3://shared/photos/pair'),
      await importFrom('pair', join(root, 'pair')),
      await importFrom('pair', 's3://open/pair.zip'),
    ].map((answer) => replyOf('importDataset', answer) as DatasetImport)
    asked.push(replyOf('uploadDataset', await upload('pair', zip)) as DatasetImport)
    while (await work());

    const done = await Promise.all(asked.map(read))
    expect(done[0]).toMatchObject({ state: 'succeeded', numImages: 3, from: 's3://shared/photos/pair' })
    expect(done).toEqual(done.map(() => expect.objectContaining({ state: 'succeeded', version: done[0]!.version })))
    const found = replyOf('getDataset', await rig.ask({ url: '/datasets/pair' })) as DatasetDetail
    expect(found).toMatchObject({ labels: ['cat', 'dog'], source: 's3://shared/photos/pair' })
  })

  test.each([
    's3://closed/x',
    's3://nowhere/x',
    's3://open-else/x',
    's3://shared',
    's3://shared/photos-of-others/x',
    's3://shared/photos/../x',
    's3://open//x',
    's3://key:secret@open/x',
    's3://open.evil.example/x',
    's3://OPEN/x',
    'S3://open/x',
  ])('D1: %j is forbidden, whether it is there or not', async (from) => {
    const answer = await importFrom('pair', from)

    expect(answer.statusCode).toBe(422)
    expect((answer.json() as Problem).errors).toMatchObject([{ pointer: '/from', code: 'dataset-ref-forbidden' }])
  })

  test('is not read where no prefix is open, with one answer for what is there and what is not', async () => {
    const { databaseUrl, directory } = services
    const closed = await openRig({ databaseUrl, directory })
    const ask = (from: string) => closed.ask({ method: 'POST', url: '/datasets', payload: { id: 'x', from } })
    const answers = [await ask('s3://open/pair.zip'), await ask('s3://nowhere/pair.zip')].map((answer) => answer.json())
    await closed.close()

    const [first, second] = answers as [Problem, Problem]
    expect(first.errors).toMatchObject([{ pointer: '/from', hint: expect.stringContaining('KANTOR_IMPORT_S3') }])
    expect(second.errors).toEqual(first.errors)
  })

  test.each<[string, string, Partial<ImportService>, string, RegExp]>([
    ['holds nothing', 's3://open/nothing', {}, 'dataset-unavailable', /^nothing lies at s3:\/\/open\/nothing/],
    [
      'is in no bucket',
      's3://no-such-bucket',
      {},
      'dataset-unavailable',
      /KANTOR_IMPORT_S3_ENDPOINT names has no bucket/,
    ],
    ['does not answer', 's3://open', { endpoint: 'http://127.0.0.1:9' }, 'dataset-unavailable', /does not answer/],
    ['holds too much', 's3://open/large', {}, 'archive-too-large', /KANTOR_IMPORT_MIB/],
    ['is no set of images', 's3://open/notes', {}, 'dataset-invalid', /neither a folder nor a ZIP/],
  ])('D3, D5, D6: that %s fails, once, with what to do and no secret', async (_, from, service, code, detail) => {
    await put('open', 'large/x.png', Buffer.alloc(2 ** 20 + 1))
    await put('open', 'notes', Buffer.from('dear diary'))
    const asked = replyOf('importDataset', await importFrom('bad', from)) as DatasetImport
    const secret = { accessKeyId: 'canary-id', secretAccessKey: 'canary-secret' }
    await work(undefined, { ...secret, ...service })

    const failed = await read(asked)
    expect(failed).toMatchObject({ state: 'failed', attempt: 1, problem: { code, status: 422 } })
    expect(failed.problem!.detail).toMatch(detail)
    expect(failed.problem!.detail).not.toMatch(/canary|127\.0\.0\.1/)
    expect(await readdir(join(services.directory, 'imports'))).toEqual([])
  })
})

const spooled = () => readdir(join(services.directory, 'uploads')).catch(() => [])
const stored = async () => {
  const keys: string[] = []
  for await (const { key } of rig.store.list('imports/')) keys.push(key)
  return keys
}

describe('an upload', () => {
  const images: MadeEntry[] = [0, 1].map((i) => ({ name: `dog/${i}.png`, bytes: png }))

  test('is imported once per Idempotency-Key, and leaves neither file nor object behind', async () => {
    const once = { 'idempotency-key': 'one-upload' }
    const asked = replyOf('uploadDataset', await upload('pets', zipBytes(images), once)) as DatasetImport
    const again = await upload('pets', zipBytes(images), once)
    expect([again.headers['idempotent-replayed'], (again.json() as DatasetImport).id]).toEqual(['true', asked.id])
    expect((await upload('pets', zipBytes([]), once)).statusCode).toBe(422)
    expect(await stored()).toEqual([`imports/${asked.id}`])

    expect([await work(), await work()]).toEqual([true, false])

    expect(await read(asked)).toMatchObject({ state: 'succeeded', from: null, numImages: 2 })
    expect([await stored(), await spooled()]).toEqual([[], []])
    const found = replyOf('getDataset', await rig.ask({ url: '/datasets/pets' })) as DatasetDetail
    expect(found).toMatchObject({ numImages: 2, labels: [] })
  })

  test.each<[string, string, MadeEntry[]]>([
    ['D4', 'archive-unsafe-entry', [...images, { name: '../../x.png', bytes: png }]],
    ['D5', 'archive-too-large', [...images, { name: 'zeros.png', bytes: Buffer.alloc(20 * 2 ** 20), deflate: true }]],
    ['D6', 'image-format-not-allowed', [{ name: 'x.png', bytes: Buffer.from('<svg/>') }]],
  ])('%s: ends in %s, and nothing of it stays', async (_, code, entries) => {
    const asked = replyOf('uploadDataset', await upload('bad', zipBytes(entries))) as DatasetImport
    await work()

    expect(await read(asked)).toMatchObject({ state: 'failed', version: null, problem: { code, status: 422 } })
    expect([await stored(), await spooled(), await readdir(join(services.directory, 'imports'))]).toEqual([[], [], []])
    expect((await rig.ask({ url: '/datasets/bad' })).statusCode).toBe(404)
  })

  test('is counted: what is too long is refused and forgotten', async () => {
    const answer = await upload('pets', Buffer.alloc(2 ** 20 + 1))

    expect([answer.statusCode, (answer.json() as Problem).code]).toEqual([413, 'payload-too-large'])
    expect(await spooled()).toEqual([])
  })

  test('without bytes, and bytes where JSON belongs, are refused', async () => {
    const none = await rig.ask({ method: 'POST', url: '/datasets/pets/upload' })
    const empty = await upload('pets', Buffer.alloc(0))
    const headers = { 'content-type': 'application/octet-stream' }
    const astray = await rig.ask({ method: 'POST', url: '/jobs', payload: Buffer.from('x'), headers })

    expect([none, empty, astray].map(({ statusCode }) => statusCode)).toEqual([400, 400, 415])
  })

  test('survives its process and its leader: it is read again, and an older claim books nothing', async () => {
    const asked = replyOf('uploadDataset', await upload('pets', zipBytes(images))) as DatasetImport
    const stop = new AbortController()
    stop.abort()
    expect(await work(stop.signal)).toBe(true)
    expect(await read(asked)).toMatchObject({ state: 'queued', attempt: 1 })

    await claimImport(rig.db)
    expect(await read(asked)).toMatchObject({ state: 'running', attempt: 2 })
    expect(await requeueImports(rig.db)).toBe(1)
    await work()

    expect(await read(asked)).toMatchObject({ state: 'succeeded', attempt: 3 })
  })
})
