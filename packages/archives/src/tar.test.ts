import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Header, pack } from 'tar-stream'
import type { ArchiveLimits } from './limits.js'
import { readTar } from './tar.js'

let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'kantor-tar-test-'))))
afterAll(() => rm(directory, { recursive: true, force: true }))

const limits: ArchiveLimits = { maxEntries: 100, maxBytes: 2 ** 30, maxFileBytes: 64 * 2 ** 20 }

async function tarBytes(entries: (Partial<Header> & { name: string; bytes?: Buffer })[]): Promise<Buffer> {
  const made = pack()
  for (const { bytes = Buffer.alloc(0), ...header } of entries) made.entry(header, bytes)
  made.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of made) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function read(bytes: Buffer, more: Partial<ArchiveLimits> = {}) {
  const file = join(directory, 'made.tar')
  await writeFile(file, bytes)
  const files: [string, string][] = []
  for await (const { name, chunks } of readTar(file, { ...limits, ...more })) {
    const parts: Uint8Array[] = []
    if (!name.startsWith('skip')) for await (const chunk of chunks) parts.push(chunk)
    files.push([name, Buffer.concat(parts).toString()])
  }
  return files
}

describe('readTar', () => {
  test.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzipped', (bytes: Buffer) => gzipSync(bytes)],
  ])('reads a %s archive in its order, with names of any length', async (_, wrap) => {
    const long = `d/${'é'.repeat(150)}/x.png`
    const names = ['./b/2.txt', 'a\\1.txt', long, 'skip-me', 'line\nbreak\u202e']
    const entries = names.map((name, i) => ({ name, bytes: Buffer.from(`${i}`.repeat(100_000)) }))

    const files = await read(wrap(await tarBytes([{ name: 'b/', type: 'directory' }, ...entries])))

    expect(files.map(([name]) => name)).toEqual(['b/2.txt', 'a/1.txt', long, 'skip-me', 'line\nbreak\u202e'])
    expect(files.map(([, text]) => text.length)).toEqual([100_000, 100_000, 100_000, 0, 100_000])
  })

  test.each<[string, Partial<Header> & { name: string }]>([
    ['leads upwards', { name: '../../x' }],
    ['is absolute', { name: '/etc/passwd' }],
    ['names a drive', { name: 'C:\\x' }],
    ['holds NUL', { name: 'x', pax: { path: 'a.png\0b' } }],
    ['is a symbolic link', { name: 'a.png', type: 'symlink', linkname: '/etc/passwd' }],
    ['is a hard link', { name: 'a.png', type: 'link', linkname: '../../etc/passwd' }],
    ['is a device', { name: 'a.png', type: 'character-device', devmajor: 1, devminor: 5 }],
    ['is a pipe', { name: 'a.png', type: 'fifo' }],
  ])('D4: refuses an entry that %s', async (_, entry) => {
    const bytes = await tarBytes([{ name: 'good.png' }, entry])

    await expect(read(bytes)).rejects.toMatchObject({ code: 'archive-unsafe-entry', status: 422 })
  })

  test('D5: stops a bomb by counting, whether its entries are files or a header', async () => {
    const zeros = gzipSync(await tarBytes([{ name: 'skip-zeros', bytes: Buffer.alloc(48 * 2 ** 20) }]))
    const header = gzipSync(await tarBytes([{ name: 'x', pax: { comment: 'a'.repeat(8 * 2 ** 20) } }]), { level: 0 })
    const many = await tarBytes(Array.from({ length: 101 }, (_, i) => ({ name: `${i}` })))
    const big = await tarBytes([{ name: 'big', bytes: Buffer.alloc(1001) }])

    await expect(read(zeros)).rejects.toMatchObject({ code: 'archive-too-large' })
    await expect(read(header)).rejects.toMatchObject({ code: 'archive-invalid' })
    await expect(read(many)).rejects.toMatchObject({ code: 'archive-too-large' })
    await expect(read(big, { maxFileBytes: 1000 })).rejects.toMatchObject({ code: 'archive-too-large' })
    await expect(read(big, { maxBytes: 1000 })).rejects.toMatchObject({ code: 'archive-too-large' })
  })

  test('what is cut short or no tar file is not read', async () => {
    const whole = await tarBytes([{ name: 'x', bytes: Buffer.alloc(5000, 1) }])
    const parts = [whole.subarray(0, 2000), gzipSync(whole).subarray(0, -10), Buffer.from('<html>'.repeat(200))]
    for (const part of parts) await expect(read(part)).rejects.toMatchObject({ code: 'archive-invalid' })
  })
})
