import { randomUUID } from 'node:crypto'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { addCheckpoint, type Fence } from '@kantor/db'
import { createLogger } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import { type Services, startServices } from '@kantor/testing'
import { claim, openRig, type Rig, sha256, submit } from '../tests/rig.js'
import { collectGarbage } from './collect-garbage.js'

const log = createLogger({ logLevel: 'silent' }, 'test')
const body = Buffer.from('a checkpoint')
const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000)

let services: Services
let rig: Rig
let fence: Fence
beforeAll(async () => {
  services = await startServices({ redis: false })
  rig = await openRig({ databaseUrl: services.databaseUrl, directory: services.directory })
  fence = await claim(rig.db, await submit(rig))
})
afterAll(async () => {
  await rig.close()
  await services.stop()
})

const put = (store: ObjectStore, key: string) =>
  store.put(key, body, { contentType: 'application/octet-stream', sha256: sha256(body) })
const row = (step: number, key: string) => ({
  id: randomUUID(),
  step,
  key,
  sizeBytes: body.length,
  sha256: sha256(body),
  points: [],
})
async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys.sort()
}

describe('collectGarbage', () => {
  test('F22: in a directory, what no row names goes after a day; rows, young objects and data sets stay', async () => {
    const directory = join(services.directory, 'litter')
    const store = await openStore({ directory })
    const folder = `jobs/${fence.jobId}`
    const names = ['checkpoints/listed', 'checkpoints/orphan', 'samples/orphan', 'checkpoints/young', 'else/orphan']
    for (const name of names) await put(store, `${folder}/${name}`)
    await put(store, 'datasets/digits/original')
    await addCheckpoint(rig.db, fence, row(1, `${folder}/checkpoints/listed`))
    await mkdir(join(directory, 'partial'), { recursive: true })
    await writeFile(join(directory, 'partial/half'), 'half')
    for (const file of [
      ...names.filter((name) => !name.endsWith('young')).map((name) => `objects/${folder}/${name}`),
      'objects/datasets/digits/original',
      'partial/half',
    ])
      await utimes(join(directory, file), twoDaysAgo, twoDaysAgo)

    expect(await collectGarbage(rig.db, store, log)).toEqual({ objects: 2, unfinished: 1 })

    expect(await keysOf(store)).toEqual([
      'datasets/digits/original',
      `${folder}/checkpoints/listed`,
      `${folder}/checkpoints/young`,
      `${folder}/else/orphan`,
    ])
    expect(await collectGarbage(rig.db, store, log)).toEqual({ objects: 0, unfinished: 0 })
  })

  test('F22: on S3 it is the same; time is the server’s, so it is moved by two days for the test', async () => {
    const store = await openStore({ s3: services.s3, directory: '/nonexistent' })
    const folder = `jobs/${fence.jobId}`
    for (const name of ['checkpoints/kept', 'checkpoints/orphan']) await put(store, `${folder}/${name}`)
    await addCheckpoint(rig.db, fence, row(2, `${folder}/checkpoints/kept`))
    expect(await collectGarbage(rig.db, store, log)).toEqual({ objects: 0, unfinished: 0 })
    const inTwoDays = {
      list: async function* (prefix: string) {
        for await (const { key, storedAt } of store.list(prefix))
          yield { key, storedAt: new Date(storedAt.getTime() - 2 * 86_400_000) }
      },
      remove: (key: string) => store.remove(key),
      removeUnfinished: (time: Date) => store.removeUnfinished(time),
    }

    expect(await collectGarbage(rig.db, inTwoDays, log)).toEqual({ objects: 1, unfinished: 0 })

    expect(await keysOf(store)).toEqual(expect.arrayContaining([`${folder}/checkpoints/kept`]))
    expect(await keysOf(store)).not.toContain(`${folder}/checkpoints/orphan`)
    await store.close()
  })
})
