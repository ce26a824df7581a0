import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { writeDurably, writeWhenThereIsRoom } from './spool.js'

describe('writeDurably', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kantor-spool-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  test('leaves the whole file under its name, nothing else, and tells its hash', async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)

    const sha256 = await writeDurably(join(directory, 'checkpoint'), bytes)

    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(Buffer.compare(await readFile(join(directory, 'checkpoint')), bytes)).toBe(0)
    expect(await readdir(directory)).toEqual(['checkpoint'])
  })

  test('fails loudly where it cannot write', async () => {
    await expect(writeDurably(join(directory, 'no-such', 'file'), new Uint8Array(1))).rejects.toThrow('ENOENT')
  })
})

describe('writeWhenThereIsRoom', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kantor-spool-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  test('says that the disk is full, and writes when it no longer is', async () => {
    const path = join(directory, 'checkpoint')
    // The device answers every write as a full disk does; the second try finds it gone.
    await symlink('/dev/full', `${path}.tmp`)
    const told: unknown[] = []

    await writeWhenThereIsRoom(path, new Uint8Array(100), (error) => told.push(error))

    expect(told).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
    expect(await readdir(directory)).toEqual(['checkpoint'])
    expect(await readFile(path)).toHaveLength(100)
  })

  test('throws what waiting does not cure', async () => {
    const write = writeWhenThereIsRoom(join(directory, 'no-such', 'file'), new Uint8Array(1), () => {})

    await expect(write).rejects.toThrow('ENOENT')
  })
})
