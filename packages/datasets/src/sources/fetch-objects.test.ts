import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { DatasetFormat } from '@kantor/contracts'
import { zipBytes } from '@kantor/testing'
import { createMapBucket } from '../../fixtures/map-bucket.js'
import { createMapStore } from '../../fixtures/map-store.js'
import { idxImages, png, scratchDirectory, write } from '../../fixtures/source-files.js'
import { importDataset } from '../import-dataset.js'
import { fetchedSource, fetchObjects } from './fetch-objects.js'

type Objects = Record<string, Uint8Array>
interface Fetching {
  key?: string
  format?: DatasetFormat
  maxBytes?: number
  afterListing?: () => void
  signal?: AbortSignal
}

async function imported(objects: Map<string, Uint8Array>, { key = 'set', format, ...more }: Fetching = {}) {
  const { maxBytes = 2 ** 30, afterListing, signal = new AbortController().signal } = more
  const directory = await scratchDirectory()
  const bucket = createMapBucket(objects, afterListing)
  const place = `s3://photos/${key}`
  const fetch = async () => {
    const fetched = await fetchObjects({ bucket, place, key, format, directory, maxBytes, signal })
    // Whatever keys are called, nothing else was made.
    expect(['object', 'objects.bin', 'objects.jsonl']).toEqual(expect.arrayContaining(await readdir(directory)))
    const source = await fetchedSource(fetched, {})
    return importDataset({ id: 'tiny', source, store: createMapStore() })
  }
  return fetch().catch((error: unknown) => error) as Promise<{ version: string }>
}

const of = (objects: Objects) => new Map(Object.entries(objects))
const withSome = async (more: Objects, count = 20): Promise<Map<string, Uint8Array>> => {
  const good = await Promise.all(Array.from({ length: count }, async (_, i) => [`set/a/${i}.png`, await png(5, 4, i)]))
  return new Map([...(good as [string, Uint8Array][]), ...Object.entries(more)])
}

describe('objects of a bucket', () => {
  test('are the version that they are as a folder, whatever comes first and wherever they lie', async () => {
    const names = ['dog/b.png', 'cat/é 😀.png', 'cat/Z.jpeg', 'dog/a/z.PNG', 'cat/.hidden.png', 'top.png']
    const directory = await scratchDirectory()
    const here: Objects = { 'set/': new Uint8Array(), 'set/cat/': new Uint8Array(), 'set-else/x.png': await png(2, 2) }
    for (const [i, name] of names.entries()) {
      const bytes = await png(9 + i, 7, i)
      await write(directory, name, bytes)
      here[`set/${name}`] = bytes
    }
    const everywhere = of(Object.fromEntries(Object.entries(here).map(([key, bytes]) => [key.slice(4), bytes])))
    everywhere.delete('')
    everywhere.delete('else/x.png')

    const store = createMapStore()
    const folder = await importDataset({ id: 'tiny', source: { kind: 'folder', directory }, store })
    const found = await imported(of(here))

    expect(found).toMatchObject({ version: folder.version, numImages: 5, labels: ['cat', 'dog'] })
    for (const other of [await imported(of(here), { key: 'set/' }), await imported(everywhere, { key: '' })])
      expect(other).toMatchObject({ version: folder.version })
  })

  test.each([
    ['under its own key', 'set/digits', undefined],
    ['alone below a prefix', 'set', undefined],
    ['by its format', 'set/digits', 'idx'],
  ] as const)('may be one file, %s', async (_, key, format) => {
    const bytes = idxImages(10, 4, 4)
    const images = await write(await scratchDirectory(), 'digits', bytes)
    const plain = await importDataset({ id: 'tiny', source: { kind: 'idx', images }, store: createMapStore() })

    const found = await imported(of({ 'set/digits': bytes }), { key, ...(format && { format }) })

    expect(found).toMatchObject({ version: plain.version })
  })

  test('D4: of keys that lead elsewhere are left out, named and no paths', async () => {
    const bytes = await png(3, 3)
    const found = await imported(await withSome({ 'set/../../up.png': bytes, 'set//top.png': bytes }))

    expect(found).toMatchObject({
      numImages: 20,
      labels: ['a'],
      statistics: {
        skipped: {
          count: 2,
          first: [
            { name: '../../up.png', reason: 'its key has an empty or a relative part' },
            { name: '/top.png', reason: 'its key has an empty or a relative part' },
          ],
        },
      },
    })
  })

  test('that vanish or change meanwhile are counted and named', async () => {
    const objects = await withSome({})
    const another = await png(5, 4, 99)
    const found = await imported(objects, {
      afterListing() {
        objects.delete('set/a/3.png')
        objects.set('set/a/4.png', another)
      },
    })

    expect(found).toMatchObject({
      numImages: 18,
      statistics: {
        skipped: {
          first: [
            { name: 'a/3.png', reason: 'it vanished while the bucket was read' },
            { name: 'a/4.png', reason: 'it changed while the bucket was read' },
          ],
        },
      },
    })
    const set = of({ 'set.zip': zipBytes([]) })
    const gone = await imported(set, { key: 'set.zip', afterListing: () => set.clear() })
    expect(gone).toMatchObject({ code: 'dataset-unavailable' })
  })

  test('D3, D5, D6, D7: are refused as elsewhere when there are none, too many bytes, or too many that are bad', async () => {
    const some = await withSome({})
    expect(await imported(of({ 'settle/x.png': await png(2, 2) }))).toMatchObject({
      code: 'dataset-unavailable',
      detail: 'nothing lies at s3://photos/set, or below it',
    })
    expect(await imported(of({ 'set/a.txt': Buffer.from('a'), 'set/b.txt': Buffer.from('b') }))).toMatchObject({
      code: 'dataset-empty',
    })
    expect(await imported(some, { maxBytes: 200 })).toMatchObject({ code: 'archive-too-large' })
    const zip = zipBytes([{ name: 'x.png', bytes: await png(2, 2) }])
    expect(await imported(of({ 'set/x.zip': zip }), { maxBytes: 20 })).toMatchObject({ code: 'archive-too-large' })
    const bad = Object.fromEntries([0, 1, 2].map((i) => [`set/bad/${i}.png`, new Uint8Array(i)]))
    expect(await imported(await withSome(bad))).toMatchObject({
      code: 'dataset-invalid',
      detail: expect.stringContaining('"bad/0.png": the file is empty'),
    })
  })

  test('are not fetched on when that is to end', async () => {
    const stop = new AbortController()
    stop.abort(new Error('enough'))
    const objects = await withSome({})
    const bucket = { ...createMapBucket(objects), download: async () => stop.signal.throwIfAborted() as never }
    const directory = await scratchDirectory()

    await expect(
      fetchObjects({ bucket, place: 's3://photos', key: '', directory, maxBytes: 2 ** 30, signal: stop.signal }),
    ).rejects.toThrow('enough')
    expect((await readdir(directory)).map((name) => join(name))).toEqual(['objects.bin', 'objects.jsonl'])
  })
})
