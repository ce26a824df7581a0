import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type MadeEntry, zipBytes } from '@kantor/testing'
import type { ArchiveLimits } from './limits.js'
import { openZip } from './zip.js'

let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'kantor-zip-test-'))))
afterAll(() => rm(directory, { recursive: true, force: true }))

const limits: ArchiveLimits = { maxEntries: 1000, maxBytes: 2 ** 30, maxFileBytes: 64 * 2 ** 20 }

async function open(entries: MadeEntry[] | Buffer, more: Partial<ArchiveLimits> = {}) {
  const file = join(directory, 'made.zip')
  await writeFile(file, Array.isArray(entries) ? zipBytes(entries) : entries)
  return openZip(file, { ...limits, ...more })
}

async function readAll(entries: MadeEntry[], more: Partial<ArchiveLimits> = {}) {
  const zip = await open(entries, more)
  try {
    const files: [string, string][] = []
    for (const file of zip.files) files.push([file.name, Buffer.from(await file.read()).toString()])
    return files
  } finally {
    zip.close()
  }
}

const bytes = (text: string) => Buffer.from(text)

describe('openZip', () => {
  test('reads stored and deflated files under any name; folders are no files', async () => {
    const long = `${'n'.repeat(4000)}.png`
    const names = ['a/1.txt', 'a/line\nbreak', 'b\\2.txt', './c/é😀\u202e', long]
    const files = names.map((name, i) => ({ name, bytes: bytes(`${i}${'x'.repeat(1000)}`), deflate: i % 2 === 0 }))

    const read = await readAll([{ name: 'a/', mode: 0o040755 }, ...files])

    expect(read.map(([name]) => name)).toEqual(['a/1.txt', 'a/line\nbreak', 'b/2.txt', 'c/é😀\u202e', long])
    expect(read.map(([, text]) => text)).toEqual(files.map((file) => file.bytes.toString()))
  })

  test.each<[string, MadeEntry]>([
    ['leads upwards', { name: '../../x' }],
    ['leads upwards inside', { name: 'a/../../x' }],
    ['leads upwards with backslashes', { name: '..\\..\\x' }],
    ['is absolute', { name: '/etc/passwd' }],
    ['names a drive', { name: 'C:\\x' }],
    ['is a UNC path', { name: '\\\\host\\x' }],
    ['holds NUL', { name: 'a.png\0.exe' }],
    ['is a symbolic link', { name: 'a.png', bytes: bytes('/etc/passwd'), mode: 0o120777 }],
    ['is a device', { name: 'a.png', mode: 0o020666 }],
    ['is a pipe', { name: 'a.png', mode: 0o010666 }],
  ])('D4: refuses an entry that %s, and writes nothing', async (_, entry) => {
    const before = await readdir(directory)

    await expect(open([{ name: 'good.png', bytes: bytes('x') }, entry])).rejects.toMatchObject({
      code: 'archive-unsafe-entry',
      status: 422,
    })
    expect(await readdir(directory)).toEqual(expect.arrayContaining(before))
  })

  test.each<[string, MadeEntry[], Partial<ArchiveLimits>?]>([
    ['unfolds by a factor of a thousand', [{ name: 'zeros', bytes: Buffer.alloc(20 * 2 ** 20), deflate: true }]],
    [
      'says so only in small print',
      Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, bytes: Buffer.alloc(2 ** 19), deflate: true })),
    ],
    ['unfolds to more than a file may', [{ name: 'big', bytes: Buffer.alloc(1001) }], { maxFileBytes: 1000 }],
    [
      'unfolds to more than all may',
      [1, 2, 3].map((i) => ({ name: `${i}`, bytes: Buffer.alloc(400) })),
      { maxBytes: 1000 },
    ],
    ['holds too many entries', Array.from({ length: 1001 }, (_, i) => ({ name: `${i}` }))],
    [
      'shares bytes between entries',
      [
        { name: 'one', bytes: bytes('12345') },
        { name: 'two', bytes: bytes('12345'), sharesWith: 0 },
      ],
    ],
    ['declares 2^60 bytes in ZIP64', [{ name: 'one', bytes: bytes('12345'), zip64: 2n ** 60n }]],
    ['declares 2^40 bytes in ZIP64', [{ name: 'one', bytes: bytes('12345'), zip64: 2n ** 40n }]],
  ])('D5: refuses an archive that %s, before it reads anything', async (_, entries, more = {}) => {
    await expect(open(entries, more)).rejects.toMatchObject({ code: 'archive-too-large', status: 422 })
  })

  test.each([
    ['longer', 9],
    ['shorter', 11],
  ])('D5: stops at a file that is %s than declared', async (_, declared) => {
    const entries = [{ name: 'x', bytes: Buffer.alloc(10), deflate: true, declared }]

    await expect(readAll(entries)).rejects.toMatchObject({ code: 'archive-too-large' })
  })

  test('a damaged file is told by its checksum, and the others stay readable', async () => {
    const zip = await open([
      { name: 'bad', bytes: bytes('x'), crc: 1 },
      { name: 'good', bytes: bytes('y') },
    ])

    await expect(zip.files[0]!.read()).rejects.toMatchObject({ code: 'archive-invalid' })
    expect(Buffer.from(await zip.files[1]!.read()).toString()).toBe('y')
    zip.close()
  })

  test('what is cut short, empty or no ZIP file is not read', async () => {
    const whole = zipBytes([{ name: 'x', bytes: bytes('some bytes') }])
    for (const part of [whole.subarray(0, -5), whole.subarray(0, 40), Buffer.alloc(0), bytes('<html>'.repeat(20))])
      await expect(open(part)).rejects.toMatchObject({ code: 'archive-invalid' })
  })
})
