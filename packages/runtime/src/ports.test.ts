import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { freePort } from './ports.js'
import { repoRoot } from './repo-root.js'

describe('freePort', () => {
  test('answers the preferred port when it is free and another one when it is taken', async () => {
    const preferred = await freePort()
    expect(await freePort(preferred)).toBe(preferred)

    const server = createServer()
    await new Promise<void>((resolve) => server.listen(preferred, '127.0.0.1', resolve))
    const other = await freePort(preferred)
    server.close()

    expect(other).not.toBe(preferred)
    expect(other).toBeGreaterThan(0)
  })
})

describe('repoRoot', () => {
  test('is the folder with the workspaces', () => {
    expect(existsSync(join(repoRoot(), 'packages/runtime/package.json'))).toBe(true)
  })
})
