// The contract of `object-store.ts` as tests. A new backend runs it and is done when it passes.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ObjectStore } from './object-store.js'

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const bytesOf = (text: string) => new TextEncoder().encode(text)
const optionsFor = (bytes: Uint8Array) => ({ contentType: 'application/octet-stream', sha256: hashOf(bytes) })

/** `open` answers a store over the same data each time it is called. `atomicCreate: false`: a server without conditional writes. */
export function describeStorage(name: string, open: () => Promise<ObjectStore>, { atomicCreate = true } = {}) {
  describe(`object store contract: ${name}`, () => {
    let store: ObjectStore
    const folder = `conformance/${randomUUID()}`
    const keys = async (prefix: string) => {
      const found: string[] = []
      for await (const { key } of store.list(prefix)) found.push(key)
      return found.sort()
    }
    const put = (key: string, text: string) => store.put(key, bytesOf(text), optionsFor(bytesOf(text)))
    beforeAll(async () => {
      store = await open()
    })
    afterAll(() => store.close())

    test('what was put is read back, from bytes and as a stream, also through another store', async () => {
      await put(`${folder}/read.txt`, 'eight by')

      const other = await open()
      const chunks: Uint8Array[] = []
      for await (const chunk of await other.get(`${folder}/read.txt`)) chunks.push(chunk as Uint8Array)
      expect(textOf(Buffer.concat(chunks))).toBe('eight by')
      expect(textOf(await store.getBytes(`${folder}/read.txt`))).toBe('eight by')
      expect(await other.head(`${folder}/read.txt`)).toEqual({ sizeBytes: 8 })
      await other.close()
    })

    test('the same content again succeeds, other content is refused and changes nothing', async () => {
      const key = `${folder}/once.txt`
      await put(key, 'first')

      await put(key, 'first')
      await expect(put(key, 'other')).rejects.toMatchObject({ code: 'internal' })
      await expect(put(key, 'longer content')).rejects.toMatchObject({ code: 'internal' })

      expect(textOf(await store.getBytes(key))).toBe('first')
    })

    test('a body whose file is gone is the fault of the caller, not an outage to be waited out', async () => {
      const key = `${folder}/gone.bin`

      const missing = { file: join(tmpdir(), randomUUID()) }
      await expect(store.put(key, missing, optionsFor(bytesOf('')))).rejects.toMatchObject({ code: 'internal' })

      expect(await store.head(key)).toBeNull()
    })

    test('of concurrent puts of different content one stays, and the object is one of them whole', async () => {
      const key = `${folder}/race.bin`
      const bodies = Array.from({ length: 8 }, () => randomBytes(200_000))

      const results = await Promise.allSettled(bodies.map((body) => store.put(key, body, optionsFor(body))))

      const winners = bodies.filter((_, index) => results[index]?.status === 'fulfilled')
      if (atomicCreate) expect(winners).toHaveLength(1)
      expect(winners.map(hashOf)).toContain(hashOf(await store.getBytes(key)))
    })

    test('concurrent puts of the same content all succeed', async () => {
      const key = `${folder}/same.txt`

      await Promise.all(Array.from({ length: 8 }, () => put(key, 'agreed')))

      expect(textOf(await store.getBytes(key))).toBe('agreed')
    })

    test('content that does not match its hash is refused and nothing is stored', async () => {
      const key = `${folder}/damaged.txt`
      const options = { contentType: 'text/plain', sha256: hashOf(bytesOf('what was meant')) }

      await expect(store.put(key, bytesOf('what arrived'), options)).rejects.toMatchObject({ code: 'internal' })

      expect(await store.head(key)).toBeNull()
      expect(await keys(`${folder}/damaged`)).toEqual([])
    })

    test('an empty object is an object', async () => {
      await put(`${folder}/empty`, '')

      expect(await store.head(`${folder}/empty`)).toEqual({ sizeBytes: 0 })
      expect((await store.getBytes(`${folder}/empty`)).byteLength).toBe(0)
    })

    test('a file of 20 MB goes in from disk and comes out as a stream, twice', async () => {
      const work = await mkdtemp(join(tmpdir(), 'kantor-storage-'))
      const body = randomBytes(20_000_000)
      await writeFile(join(work, 'large.bin'), body)
      const key = `${folder}/large.bin`

      for (let time = 0; time < 2; time++) await store.put(key, { file: join(work, 'large.bin') }, optionsFor(body))

      const hash = createHash('sha256')
      let numChunks = 0
      for await (const chunk of await store.get(key)) {
        hash.update(chunk as Uint8Array)
        numChunks++
      }
      expect(hash.digest('hex')).toBe(hashOf(body))
      expect(numChunks).toBeGreaterThan(1)
      expect(await store.head(key)).toEqual({ sizeBytes: 20_000_000 })
      await rm(work, { recursive: true })
    })

    test('a stream that is not read to its end can be dropped', async () => {
      const stream = await store.get(`${folder}/large.bin`)
      stream.destroy()

      expect(textOf(await store.getBytes(`${folder}/read.txt`))).toBe('eight by')
    })

    test('a missing object is not-found, null, or already removed', async () => {
      const key = `${folder}/absent.txt`

      await expect(store.get(key)).rejects.toMatchObject({ code: 'not-found' })
      await expect(store.getBytes(key)).rejects.toMatchObject({ code: 'not-found' })
      expect(await store.head(key)).toBeNull()
      await store.remove(key)
    })

    test('a folder of keys is not an object', async () => {
      await put(`${folder}/tree/leaf.txt`, 'leaf')

      await expect(store.getBytes(`${folder}/tree`)).rejects.toMatchObject({ code: 'not-found' })
      await expect(store.getBytes(`${folder}/read.txt/below`)).rejects.toMatchObject({ code: 'not-found' })
      expect(await store.head(`${folder}/tree`)).toBeNull()
    })

    test('a removed object is gone and its key is free again', async () => {
      const key = `${folder}/removed.txt`
      await put(key, 'before')

      await store.remove(key)
      expect(await store.head(key)).toBeNull()
      await put(key, 'after')

      expect(textOf(await store.getBytes(key))).toBe('after')
    })

    test('a listing has every key of the prefix and no other', async () => {
      const under = `${folder}/list`
      const names = ['a.txt', 'ab.txt', 'b/c.txt', 'b/d/e.txt']
      for (const leaf of names) await put(`${under}/${leaf}`, leaf)

      expect(await keys(`${under}/`)).toEqual(names.map((leaf) => `${under}/${leaf}`))
      expect(await keys(`${under}/a`)).toEqual([`${under}/a.txt`, `${under}/ab.txt`])
      expect(await keys(`${under}/b/`)).toEqual([`${under}/b/c.txt`, `${under}/b/d/e.txt`])
      expect(await keys(`${under}/none`)).toEqual([])
    })

    test('a listing goes on past a thousand keys', async () => {
      const numbers = Array.from({ length: 1005 }, (_, index) => String(index).padStart(4, '0'))
      for (let from = 0; from < numbers.length; from += 50)
        await Promise.all(numbers.slice(from, from + 50).map((number) => put(`${folder}/many/${number}`, 'x')))

      expect(await keys(`${folder}/many/`)).toEqual(numbers.map((number) => `${folder}/many/${number}`))
    })

    test.each([
      'with space.txt',
      'plus+and%25percent%2F.txt',
      'naïve 画像 🎨.png',
      '..dots..',
      '.hidden',
      'quote\'"&<>?#=;:@[]{}|^~`!$*(),',
      'x'.repeat(200),
    ])('odd but legal: %j', async (segment) => {
      const key = `${folder}/odd/${segment}`

      await put(key, segment)

      expect(textOf(await store.getBytes(key))).toBe(segment)
      expect(await keys(key)).toEqual([key])
      await store.remove(key)
      expect(await store.head(key)).toBeNull()
    })

    test.each([
      '',
      '/',
      '/absolute',
      'trailing/',
      'a//b',
      '.',
      '..',
      '../outside',
      'a/../../outside',
      'a/./b',
      'a\\..\\b',
      'nul\0byte',
      'line\nbreak',
      'x'.repeat(201),
      `${'long/'.repeat(200)}x`,
      '\ud800',
    ])('refused before anything is touched: %j', async (key) => {
      const refused = { code: 'internal' }
      await expect(put(key, 'x')).rejects.toMatchObject(refused)
      // A call that throws at once is refused just as well.
      await expect((async () => store.get(key))()).rejects.toMatchObject(refused)
      await expect((async () => store.head(key))()).rejects.toMatchObject(refused)
      await expect((async () => store.remove(key))()).rejects.toMatchObject(refused)
    })

    test('a listing tells when an object was stored', async () => {
      await put(`${folder}/dated/one.txt`, 'x')

      const ages: number[] = []
      for await (const { storedAt } of store.list(`${folder}/dated/`)) ages.push(Date.now() - storedAt.getTime())

      // Clocks of one machine; S3 counts in whole seconds.
      expect(ages).toEqual([expect.any(Number)])
      expect(Math.abs(ages[0]!)).toBeLessThan(60_000)
    })

    test('removing what is unfinished takes no whole object away', async () => {
      await put(`${folder}/whole.txt`, 'whole')

      await store.removeUnfinished(new Date(Date.now() + 60_000))

      expect(textOf(await store.getBytes(`${folder}/whole.txt`))).toBe('whole')
    })

    test('ping answers', async () => {
      await store.ping()
    })
  })
}
