import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createLogger } from '@kantor/runtime'
import { checkSpool, SpoolUnusable, volumeOf, whyTooSmall } from './spool-check.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kantor-spool-check-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))
const log = createLogger({ logLevel: 'silent' }, 'test')

test('E4: a spool that is missing is made, and tried', async () => {
  await checkSpool(join(directory, 'new', 'data'), 1, log)

  expect(await readdir(join(directory, 'new', 'data', 'spool'))).toEqual([])
})

test('E4: one below a file is refused with its variable', async () => {
  await writeFile(join(directory, 'file'), '')

  await expect(checkSpool(join(directory, 'file'), 1, log)).rejects.toThrow(
    /^KANTOR_DATA_DIR: the spool .* cannot be written \(ENOTDIR\)/,
  )
})

test('E4: one that takes nothing is refused with its variable', async () => {
  const dataDir = await mkdtemp(join(directory, 'closed-'))
  // Root may write everywhere but into the kernel's own files.
  await symlink('/proc/self/fdinfo', join(dataDir, 'spool'))

  const refused = checkSpool(dataDir, 1, log)

  await expect(refused).rejects.toThrow(SpoolUnusable)
  await expect(refused).rejects.toThrow(/^KANTOR_DATA_DIR: the spool .* cannot be written \(E\w+\); name a folder/)
})

const mebibytes = (memory: boolean, size: number, free = size) => ({
  isMemory: memory,
  sizeBytes: size * 2 ** 20,
  freeBytes: free * 2 ** 20,
})

test.each([
  ['memory that is large enough, used or not', mebibytes(true, 1024, 0), null],
  ['memory that is too small', mebibytes(true, 1000), expect.stringMatching(/tmpfs.* 1000 MiB.*size=1024m/)],
  ['a disk with room', mebibytes(false, 4096, 1024), null],
  ['a disk that is nearly full', mebibytes(false, 4096, 100), expect.stringMatching(/has 100 MiB free.*stand still/)],
])('E4: two attempts and %s', (_what, volume, verdict) => {
  expect(whyTooSmall(volume, 2)).toEqual(verdict)
})

test('E4: memory is told from a disk', async () => {
  expect(await volumeOf('/dev/shm')).toMatchObject({ isMemory: true })
  expect(await volumeOf('/proc')).toMatchObject({ isMemory: false })
})

test('E4: a spool in memory that is too small ends the worker', async () => {
  const { sizeBytes } = await volumeOf('/dev/shm')
  const shm = await mkdtemp('/dev/shm/kantor-spool-check-')
  const tooMany = Math.ceil(sizeBytes / 2 ** 29) + 1

  await expect(checkSpool(shm, tooMany, log)).rejects.toThrow(/lies in memory/)
  await rm(shm, { recursive: true })
})
