import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type ErrorCode, seriesNames } from '@kantor/contracts'
import { type MadeEntry, type Services, startServices, zipBytes } from '@kantor/testing'
import { refused } from '../tests/refused.js'
import { openRig, replyOf, type Rig, sha256 } from '../tests/rig.js'
import { type Files, jsonOf, sendArchive, trained, unzip } from '../tests/trained-job.js'

let services: Services
let rig: Rig
let archive: Buffer
let original: Files
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  const { id } = await trained(rig, 'original', { resumedAt: 30, lostAt: 40, steps: 60 })
  archive = (await rig.ask({ url: `/jobs/${id}/export?checkpoints=all` })).bytes
  original = await unzip(archive, services.directory)
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

/** Packs the archive anew with other files; the manifest follows, unless it is given. */
function repacked(change: (files: Files) => void): MadeEntry[] {
  const files = new Map(original)
  files.delete('manifest.json')
  change(files)
  if (!files.has('manifest.json')) describeAll(files)
  return [...files].map(([name, bytes]) => ({ name, bytes }))
}
/** With a manifest that is right, but for one hash. */
function describeAll(files: Files, hashes: Record<string, string> = {}): void {
  const entries = [...files].map(([name, bytes]) => ({
    name,
    sizeBytes: bytes.length,
    sha256: hashes[name] ?? sha256(bytes),
  }))
  files.set('manifest.json', asJson({ format: 'kantor-job', version: 1, host: 'elsewhere', entries }))
}
const asJson = (value: unknown) => Buffer.from(JSON.stringify(value))
const edit = (name: string, by: (value: never) => unknown) => (files: Files) =>
  files.set(name, asJson(by(jsonOf(files, name) as never)))
const replace = (name: string, from: string | RegExp, to: string) => (files: Files) =>
  files.set(name, Buffer.from(files.get(name)!.toString('latin1').replace(from, to), 'latin1'))
const put = (name: string, content: string | Buffer) => (files: Files) => files.set(name, Buffer.from(content))
const firstOf = (files: Files, prefix: string) => [...files.keys()].find((name) => name.startsWith(prefix))!

/** Nothing of it may stay: no row, no object, no file. */
async function refusedWhole(payload: Buffer, code: ErrorCode, message: RegExp): Promise<void> {
  const left = async () => {
    const keys: string[] = []
    for await (const { key } of rig.store.list('jobs/')) keys.push(key)
    return { rows: await rig.numRows(), keys: keys.sort(), spooled: await readdir(join(services.directory, 'spool')) }
  }
  const before = await left()
  expect(before.spooled).toEqual([])
  const problem = await refused(rig, sendArchive(payload), 422, code)
  expect(problem.detail).toMatch(message)
  expect(await left()).toEqual(before)
}

test('packed anew as it is, it is taken', async () => {
  replyOf('importJob', await rig.ask(sendArchive(zipBytes(repacked(() => {})))))
})

type Change = (files: Files) => void
test.each<[string, ErrorCode, RegExp, Change]>([
  [
    'a spec with an unknown key',
    'archive-invalid',
    /spec\.json\/x there is no property/,
    edit('spec.json', (spec: object) => ({ ...spec, x: 1 })),
  ],
  [
    'a job that was not over',
    'archive-invalid',
    /was running when/,
    edit('job.json', (one: object) => ({ ...one, state: 'running' })),
  ],
  ['a name with NUL', 'archive-invalid', /NUL/, edit('job.json', (one: object) => ({ ...one, name: 'a\0' }))],
  [
    'a lone surrogate',
    'archive-invalid',
    /surrogate/,
    edit('job.json', (one: object) => ({ ...one, message: '\ud800' })),
  ],
  ['a prototype', 'archive-invalid', /job\.json: /, replace('job.json', '{', '{"__proto__": {},')],
  [
    'an event left out',
    'archive-invalid',
    /event 3 does not follow/,
    edit('events.json', (all: unknown[]) => all.toSpliced(1, 1)),
  ],
  [
    'an illegal move',
    'archive-invalid',
    /does not follow/,
    edit('events.json', (all: object[]) => all.with(1, { ...all[1], to: 'succeeded' })),
  ],
  ['an attempt too few', 'archive-invalid', /attempts\.json/, edit('attempts.json', (all: unknown[]) => all.slice(1))],
  [
    'a number beyond its column',
    'archive-invalid',
    /no job can be/,
    edit('attempts.json', (all: object[]) => all.map((one) => ({ ...one, toStep: 2 ** 40 }))),
  ],
  [
    'a rollback of the future',
    'archive-invalid',
    /curve\.json/,
    edit('curve.json', (curve: object) => ({ ...curve, seq: 1 })),
  ],
  [
    'a step twice',
    'archive-invalid',
    /line 4: the steps do not rise/,
    replace('curve.csv', /\n(3,[^\n]*)\n/, `\n2,10,1,${','.repeat(seriesNames.length)}\n`),
  ],
  [
    'a value that is no float32',
    'archive-invalid',
    /line 2: "0x1p3" is no float32/,
    replace('curve.csv', /\n1,5,1,([^,]*),[^,]*/, '\n1,5,1,$1,0x1p3'),
  ],
  [
    'a series of another release',
    'archive-invalid',
    /no series that this release knows/,
    replace('curve.csv', 'w_estimate', 'w_distance'),
  ],
  [
    'a curve cut short',
    'archive-invalid',
    /breaks off/,
    (files) => files.set('curve.csv', files.get('curve.csv')!.subarray(0, -3)),
  ],
  [
    'a line without end',
    'archive-invalid',
    /line of more than/,
    (files) => files.set('curve.csv', Buffer.alloc(100_000, 'a')),
  ],
  [
    'superseded points of the curve itself',
    'archive-invalid',
    /no job can be/,
    (files) => files.set('superseded.csv', files.get('curve.csv')!),
  ],
  ['no curve', 'archive-invalid', /no curve\.csv/, (files) => files.delete('curve.csv')],
  ['no spec', 'archive-invalid', /no spec\.json/, (files) => files.delete('spec.json')],
  ['an entry more', 'archive-invalid', /readme\.txt/, put('readme.txt', 'hello')],
  ['a sample that no list names', 'archive-invalid', /no list names/, put('samples/000000009-1.png', 'x')],
  [
    'a sample that is no PNG',
    'archive-invalid',
    /size and sha256/,
    (files) => files.set(firstOf(files, 'samples/'), Buffer.from('GIF89a')),
  ],
  [
    'a checkpoint left out',
    'archive-invalid',
    /not in the archive/,
    (files) => files.delete(firstOf(files, 'checkpoints/')),
  ],
  [
    'a newer version',
    'archive-version',
    /version 2/,
    put('manifest.json', '{"format":"kantor-job","version":2,"more":[]}'),
  ],
  [
    'another format',
    'archive-invalid',
    /manifest\.json\/format/,
    put('manifest.json', '{"format":"other","version":1}'),
  ],
  ['a manifest that is no JSON', 'archive-invalid', /manifest\.json: /, put('manifest.json', '{')],
])('%s', async (_what, code, message, change) => {
  await refusedWhole(zipBytes(repacked(change)), code, message)
})

test.each(['job.json', 'curve.csv', 'curve.parquet', 'superseded.csv'])('another hash of %s', async (name) => {
  const entries = repacked((files) => describeAll(files, { [name]: 'ab'.repeat(32) }))
  await refusedWhole(zipBytes(entries), 'archive-invalid', /has the sha256/)
})

/** Other bytes of the first checkpoint, told everywhere as they are, or as `told`. */
const damage =
  (bytes: (whole: Buffer) => Buffer, told = bytes) =>
  (files: Files) => {
    const name = firstOf(files, 'checkpoints/')
    const whole = files.get(name)!
    const facts = { sha256: sha256(told(whole)), sizeBytes: bytes(whole).length }
    files.set(name, bytes(whole))
    edit('checkpoints.json', (all: { file: string }[]) =>
      all.map((one) => (one.file === name ? { ...one, ...facts } : one)),
    )(files)
    describeAll(files, { [name]: facts.sha256 })
  }
const flipped = (whole: Buffer) => Buffer.from(whole.map((byte, i) => (i === whole.length - 1 ? byte ^ 1 : byte)))
const withHeader = (text: string) => (whole: Buffer) => {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, Buffer.from(text), whole.subarray(-16)])
}
test.each<[string, RegExp, Change]>([
  ['one bit flipped', /has the sha256/, damage(flipped, (whole) => whole)],
  ['cut short', /its tensors are 16 bytes, the file holds 15/, damage((whole) => whole.subarray(0, -1))],
  [
    'a header of 2^40 bytes',
    /header claims 1099511627776/,
    damage((whole) => Buffer.concat([Buffer.from('0000000000010000', 'hex'), whole.subarray(8)])),
  ],
  ['a header that is no JSON', /not JSON/, damage(withHeader('{"w"'))],
  [
    'tensors that overlap',
    /overlap/,
    damage(
      withHeader(
        '{"v":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
      ),
    ),
  ],
  [
    'a shape beyond its bytes',
    /does not fill/,
    damage(withHeader('{"w":{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,16]}}')),
  ],
  [
    'an unknown dtype',
    /unknown dtype/,
    damage(withHeader('{"w":{"dtype":"toString","shape":[4],"data_offsets":[0,16]}}')),
  ],
])('C1: a checkpoint with %s', async (_what, message, change) => {
  await refusedWhole(zipBytes(repacked(change)), 'checkpoint-corrupt', message)
})

const symlink = 0o120777
test.each<[string, ErrorCode, MadeEntry[]]>([
  ['D4: ../ in a name', 'archive-unsafe-entry', [{ name: '../../x', bytes: Buffer.from('x') }]],
  ['D4: an absolute name', 'archive-unsafe-entry', [{ name: '/etc/cron.d/x', bytes: Buffer.from('x') }]],
  ['D4: a drive', 'archive-unsafe-entry', [{ name: 'C:\\x', bytes: Buffer.from('x') }]],
  ['D4: ..\\', 'archive-unsafe-entry', [{ name: '..\\x', bytes: Buffer.from('x') }]],
  ['D4: NUL', 'archive-unsafe-entry', [{ name: 'job.json\0.png', bytes: Buffer.from('x') }]],
  [
    'D4: a link',
    'archive-unsafe-entry',
    [{ name: 'samples/000000001-1.png', bytes: Buffer.from('/etc/passwd'), mode: symlink }],
  ],
  ['D5: a bomb', 'archive-too-large', [{ name: 'curve.csv', bytes: Buffer.alloc(40 * 2 ** 20), deflate: true }]],
  [
    'D5: less declared than there is',
    'archive-too-large',
    [{ name: 'manifest.json', bytes: Buffer.alloc(5 * 2 ** 20), deflate: true, declared: 10 }],
  ],
  [
    'D5: more declared than there is',
    'archive-too-large',
    [{ name: 'manifest.json', bytes: Buffer.from('{}'), deflate: true, declared: 10 }],
  ],
  [
    'D5: entries that share bytes',
    'archive-too-large',
    [
      { name: 'job.json', bytes: Buffer.from('{}') },
      { name: 'spec.json', bytes: Buffer.from('{}'), sharesWith: 0 },
    ],
  ],
  [
    'D5: more than fits',
    'archive-too-large',
    [{ name: 'curve.csv', bytes: Buffer.from('x'), deflate: true, declared: 2 ** 31 }],
  ],
  [
    'an entry twice',
    'archive-invalid',
    [
      { name: 'job.json', bytes: Buffer.from('{}') },
      { name: 'job.json', bytes: Buffer.from('{}') },
    ],
  ],
  ['no entry at all', 'archive-invalid', []],
])('%s', async (_what, code, entries) => {
  await refusedWhole(zipBytes(entries), code, /./)
})

test('D5: a million entries are counted by the directory, not read', async () => {
  const bytes = zipBytes([{ name: 'job.json', bytes: Buffer.from('{}') }])
  bytes.writeUInt16LE(65_000, bytes.length - 12)
  await refusedWhole(bytes, 'archive-too-large', /65000 entries/)
})

test('what is no ZIP, too much, nothing, of another type, or from a key of scope read', async () => {
  await refusedWhole(Buffer.from('hello'), 'archive-invalid', /cannot be read/)
  const whole = archive
  await refusedWhole(whole.subarray(0, -200), 'archive-invalid', /cannot be read/)
  await refused(rig, sendArchive(Buffer.alloc(17 * 2 ** 20)), 413, 'payload-too-large')
  await refused(rig, sendArchive(Buffer.alloc(0)), 400, 'empty-body')
  await refused(
    rig,
    { ...sendArchive(whole), headers: { 'content-type': 'application/json' } },
    415,
    'unsupported-media-type',
  )
  await refused(
    rig,
    { ...sendArchive(whole), headers: { 'content-type': 'application/gzip' } },
    415,
    'unsupported-media-type',
  )
  await refused(rig, { ...sendArchive(whole), url: '/jobs' }, 415, 'unsupported-media-type')
  const authorization = `Bearer ${await rig.key('read')}`
  await refused(rig, sendArchive(whole, { authorization }), 403, 'insufficient-scope')
  expect(await readdir(join(services.directory, 'spool'))).toEqual([])
})
