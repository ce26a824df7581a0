// Buckets of others, which are read and not trusted.
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startFauxqs, startMoto } from '@kantor/testing'
import { openBucket } from './open-store.js'
import type { BucketObject, BucketOptions, S3Bucket } from './s3-bucket.js'
import { ensureBucket } from './s3-server.js'

const fauxqs = await startFauxqs()
const moto = await startMoto()
let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'kantor-bucket-test-'))))
afterAll(async () => {
  await fauxqs.stop()
  await moto?.stop()
  await rm(directory, { recursive: true, force: true })
})

const never = new AbortController().signal

describe.each(Object.entries({ fauxqs, ...(moto && { moto }) }))('a bucket at %s', (_, { settings }) => {
  const { endpoint, region, bucket, ...credentials } = settings
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  const put = (key: string, text: string) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: Buffer.from(text) }))
  let found: S3Bucket
  beforeAll(async () => {
    await ensureBucket(client, settings)
    found = await openBucket({ ...settings, variables: 'KANTOR_IMPORT_S3' })
  })
  afterAll(() => {
    found.close()
    client.destroy()
  })
  const list = async (prefix: string) => {
    const objects: BucketObject[] = []
    for await (const object of found.list(prefix, never)) objects.push(object)
    return objects
  }
  const fetched = async (object: BucketObject) => {
    const path = join(directory, 'object')
    const file = await open(path, 'w')
    const outcome = await found.download(object, file, 2, never)
    await file.close()
    return [outcome, (await readFile(path, 'latin1')).replaceAll('\0', '_')]
  }

  test('is listed over several pages, in the order of bytes', async () => {
    const keys = Array.from({ length: 1003 }, (_x, i) => `many/${String(i).padStart(4, '0')}`)
    for (let i = 0; i < keys.length; i += 50) await Promise.all(keys.slice(i, i + 50).map((key) => put(key, key)))

    expect((await list('many/')).map(({ key }) => key)).toEqual(keys)
    expect(await list('nothing/')).toEqual([])
  })

  test('has objects under any names', async () => {
    const keys = ['a b', 'a+b', 'a%2e%2e', 'é 😀', 'x?y=1&z#w', '"quoted"', '<&>']
    for (const key of keys) await put(`odd/${key}`, key.slice(0, 3))

    const objects = await list('odd/')

    expect(objects.map(({ key }) => key.slice(4)).sort()).toEqual([...keys].sort())
    for (const object of objects) expect((await fetched(object))[0]).toBe('whole')
  })

  test('is told apart from what it was when it was listed', async () => {
    for (const key of ['stays', 'changes', 'grows', 'goes']) await put(`meanwhile/${key}`, 'before')
    const objects = await list('meanwhile/')
    await put('meanwhile/changes', 'behind')
    await put('meanwhile/grows', 'a good deal longer')
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'meanwhile/goes' }))

    const outcomes = Object.fromEntries(
      await Promise.all(objects.map(async (object) => [object.key.slice(10), object] as const)),
    )
    expect(await fetched(outcomes['stays']!)).toEqual(['whole', '__before'])
    expect((await fetched(outcomes['changes']!))[0]).toBe('changed')
    expect((await fetched(outcomes['grows']!))[0]).toBe('changed')
    expect((await fetched(outcomes['goes']!))[0]).toBe('gone')
    // Even where a server knows no ETags nothing is written beyond the size.
    const [outcome, bytes] = await fetched({ ...outcomes['grows']!, etag: undefined })
    expect([outcome, bytes!.length <= 8]).toEqual(['changed', true])
  })

  test('that is not there is named', async () => {
    const missing = await openBucket({ ...settings, bucket: 'no-such-bucket', variables: 'S3' })

    await expect(missing.list('', never).next()).rejects.toMatchObject({
      code: 'dataset-unavailable',
      detail: 'the service that S3_ENDPOINT names has no bucket no-such-bucket',
    })
    missing.close()
  })
})

describe('a bucket that cannot be read', () => {
  const secrets = { accessKeyId: 'canary-id', secretAccessKey: 'canary-secret' }
  const refusalFrom = async (service: Partial<BucketOptions>) => {
    const options = { region: 'us-east-1', bucket: 'photos', variables: 'KANTOR_IMPORT_S3', endpoint: '', ...secrets }
    const bucket = await openBucket({ ...options, ...service })
    const outcome = await bucket
      .list('', never)
      .next()
      .catch((error: unknown) => error)
    bucket.close()
    return outcome as { code: string; detail: string }
  }

  test.each([
    [403, 'AccessDenied', '', /bucket photos: allow them s3:ListBucket on it, and s3:GetObject on its objects$/],
    [403, 'InvalidAccessKeyId', '', /mend KANTOR_IMPORT_S3_ACCESS_KEY_ID$/],
    [403, 'SignatureDoesNotMatch', '', /KANTOR_IMPORT_S3_SECRET_ACCESS_KEY is not the secret/],
    [400, 'AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>', /set KANTOR_IMPORT_S3_REGION=eu-west-1$/],
    [301, 'PermanentRedirect', '<Endpoint>169.254.169.254</Endpoint>', /set KANTOR_IMPORT_S3_REGION to its region$/],
    [403, 'SomethingNew', '', /refuses the credentials for bucket photos \(403\)$/],
    [418, 'Teapot', '', /failed \(418\)$/],
  ])('%i %s comes with its remedy, and without what the server says else', async (status, name, more, remedy) => {
    let numAsked = 0
    const server = createServer((_request, response) => {
      numAsked += 1
      const xml = `<Error><Code>${name}</Code><Message>canary-message arn:aws:iam::123</Message>${more}</Error>`
      response.writeHead(status, { 'content-type': 'application/xml', location: 'http://169.254.169.254/' }).end(xml)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }

    const { code, detail } = await refusalFrom({ endpoint: `http://127.0.0.1:${port}` })
    server.close()

    expect([code, numAsked]).toEqual(['dataset-unavailable', 1])
    expect(detail).toMatch(remedy)
    expect(detail).not.toMatch(/canary|127\.0\.0\.1|169\.254|arn/)
  })

  test('because nobody answers is told by the variable, without the address', async () => {
    const { code, detail } = await refusalFrom({ endpoint: 'http://127.0.0.1:9' })

    expect(code).toBe('dataset-unavailable')
    expect(detail).toMatch(/^the service that KANTOR_IMPORT_S3_ENDPOINT names does not answer \(\w+\)$/)
  })
})
