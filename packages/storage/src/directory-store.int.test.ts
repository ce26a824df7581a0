import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { describeStorage } from './conformance.js'
import { openStore } from './open-store.js'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kantor-objects-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describeStorage('directory', () => openStore({ directory: join(directory, 'contract') }))

describe('directory store', () => {
  const body = new TextEncoder().encode('content')
  const options = { contentType: 'text/plain', sha256: createHash('sha256').update(body).digest('hex') }

  test('leaves nothing half-written behind, also after refusals', async () => {
    const store = await openStore({ directory: join(directory, 'clean') })

    await store.put('a/b', body, options)
    await expect(store.put('a/b', new Uint8Array([1]), options)).rejects.toMatchObject({ code: 'internal' })

    expect(await readdir(join(directory, 'clean/partial'))).toEqual([])
  })

  test('F22: what a killed process left half-written can be removed by its age', async () => {
    const root = join(directory, 'sweep')
    await mkdir(join(root, 'partial'), { recursive: true })
    for (const name of ['old', 'new']) await writeFile(join(root, 'partial', name), 'half')
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000)
    await utimes(join(root, 'partial/old'), twoDaysAgo, twoDaysAgo)

    const store = await openStore({ directory: root })
    expect(await store.removeUnfinished(new Date(Date.now() - 86_400_000))).toBe(1)

    expect(await readdir(join(root, 'partial'))).toEqual(['new'])
  })

  test('a directory that cannot be used is dependency-unavailable, and says which', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')

    await expect(openStore({ directory: join(file, 'below') })).rejects.toMatchObject({
      code: 'dependency-unavailable',
      detail: expect.stringContaining(file),
    })
  })

  test('a directory that vanished is dependency-unavailable in ping and put', async () => {
    const root = join(directory, 'vanished')
    const store = await openStore({ directory: root })
    await rm(root, { recursive: true })

    await expect(store.ping()).rejects.toMatchObject({ code: 'dependency-unavailable' })
    await expect(store.put('k', body, options)).rejects.toMatchObject({ code: 'dependency-unavailable' })
  })

  test('a link that somebody laid into the store is not listed', async () => {
    const root = join(directory, 'links')
    const store = await openStore({ directory: root })
    await store.put('real', body, options)
    await symlink('/etc/passwd', join(root, 'objects/stray'))

    const keys: string[] = []
    for await (const { key } of store.list('')) keys.push(key)

    expect(keys).toEqual(['real'])
  })
})
