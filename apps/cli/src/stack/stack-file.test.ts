import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { claimDataDir, liveStack, removeStackFile, writeStackFile } from './stack-file.js'

let dataDir: string
beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'kantor-stack-'))))
afterEach(() => rm(dataDir, { recursive: true, force: true }))

describe('the stack file', () => {
  test('refuses a second stack on the same directory while the first lives', async () => {
    await claimDataDir(dataDir)

    await expect(claimDataDir(dataDir)).rejects.toMatchObject({
      exit: 'conflict',
      message: expect.stringContaining(dataDir),
    })
  })

  test('lets only one of several starters have the directory', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => claimDataDir(dataDir)))

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('is taken over from a process that is gone', async () => {
    const file = await claimDataDir(dataDir)
    // 2^22 is beyond the largest process number of Linux.
    await writeStackFile(dataDir, { ...file, identity: { ...file.identity!, pid: 4_194_304 } })

    expect(await liveStack(dataDir)).toBeNull()
    expect((await claimDataDir(dataDir)).pids.main).toBe(process.pid)
  })

  test('is not taken for ours when another process has got the number', async () => {
    const file = await claimDataDir(dataDir)
    await writeStackFile(dataDir, { ...file, identity: { ...file.identity!, startedAt: 'another boot 1' } })

    expect(await liveStack(dataDir)).toBeNull()
  })

  test('says where the stack answers, to its owner alone', async () => {
    const file = await claimDataDir(dataDir)
    await writeStackFile(dataDir, { ...file, url: 'http://127.0.0.1:1' })

    expect(await liveStack(dataDir)).toMatchObject({ url: 'http://127.0.0.1:1', pids: { main: process.pid } })
    expect((await stat(join(dataDir, 'stack.json'))).mode & 0o777).toBe(0o600)
  })

  test('is no stack when it is damaged or gone', async () => {
    await writeFile(join(dataDir, 'stack.json'), '{"url":')
    expect(await liveStack(dataDir)).toBeNull()

    await removeStackFile(dataDir)
    expect(await liveStack(dataDir)).toBeNull()
    await expect(readFile(join(dataDir, 'stack.json'))).rejects.toThrow()
  })
})
