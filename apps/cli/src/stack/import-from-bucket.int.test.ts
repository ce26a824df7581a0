import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { importDataset } from '@kantor/datasets'
import { loadEnv } from '@kantor/runtime'
import { type ObjectStore, openStore } from '@kantor/storage'
import { type S3Server, startFauxqs } from '@kantor/testing'
import { importFromBucket } from './import-from-bucket.js'

/** One grey pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
)
let directory: string
let server: S3Server
let store: ObjectStore
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kantor-cli-test-'))
  server = await startFauxqs()
  store = await openStore({ directory: join(directory, 'objects') })
})
afterAll(async () => {
  await server.stop()
  await rm(directory, { recursive: true, force: true })
})

const fetched = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('kantor-fetch-'))

test('a prefix of a bucket is imported as its folder is, and nothing of it stays behind', async () => {
  const bucket = await openStore({ s3: server.settings, directory: '/nonexistent' })
  await bucket.put('photos/0.png', png, {
    contentType: 'image/png',
    sha256: createHash('sha256').update(png).digest('hex'),
  })
  await bucket.close()
  const folder = join(directory, 'photos')
  await mkdir(folder)
  await writeFile(join(folder, '0.png'), png)
  const { endpoint, accessKeyId, secretAccessKey } = server.settings
  const env = loadEnv({
    KANTOR_IMPORT_S3_ENDPOINT: endpoint,
    KANTOR_IMPORT_S3_ACCESS_KEY_ID: accessKeyId,
    KANTOR_IMPORT_S3_SECRET_ACCESS_KEY: secretAccessKey,
  })
  const before = await fetched()

  const place = `s3://${server.settings.bucket}/photos`
  const found = await importFromBucket({ id: 'photos', place, env, store })

  const { version } = await importDataset({ id: 'photos', source: { kind: 'folder', directory: folder }, store })
  expect(found).toMatchObject({ version, numImages: 1, source: place })
  expect(await fetched()).toEqual(before)
  await expect(importFromBucket({ id: 'photos', place, env: loadEnv({}), store })).rejects.toThrow('where buckets are')
})
