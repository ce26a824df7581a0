import { mkdir, readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { createMapStore, type MapStore } from '../fixtures/map-store.js'
import { idx, idxImages, png, scratchDirectory, write } from '../fixtures/source-files.js'
import { DatasetChanged } from './image-store.js'
import { importDataset } from './import-dataset.js'
import { openImages } from './open-images.js'
import { prepareImages } from './prepare-images.js'
import { readImages } from './read-images.js'
import { createResizer } from './resize.js'

async function imported(store: MapStore, count = 10) {
  const directory = await scratchDirectory()
  const images = await write(directory, 'images', idxImages(count, 7, 9))
  const labels = await write(
    directory,
    'labels',
    idx(
      [count],
      Array.from({ length: count }, (_, i) => i % 3),
    ),
  )
  const source = { kind: 'idx', images, labels } as const
  return { source, dataset: await importDataset({ id: 'tiny', source, store, shardBytes: 200 }) }
}

const prepare = async (store: MapStore, count?: number) => {
  const { dataset, source } = await imported(store, count)
  const cacheDir = await scratchDirectory()
  const options = { dataset, imageSize: 8, store, cacheDir, shardBytes: 3 * 64 + 10 }
  return { source, options, ...(await prepareImages(options)) }
}

describe('prepareImages and openImages', () => {
  test('give the images resized, in the order asked for, over shard edges, with labels', async () => {
    const { directory, manifest } = await prepare(createMapStore())
    const images = openImages(directory)
    const resize = createResizer(9, 7, 1, 8)
    const pixels = idxImages(10, 7, 9).subarray(16)
    const order = [9, 0, 3, 2, 3]

    const read = images.read(Int32Array.from(order))

    const expected = order.map((index) => resize(pixels.subarray(index * 63, (index + 1) * 63)))
    expect(Buffer.concat(expected).equals(read)).toBe(true)
    expect(images).toMatchObject({ numImages: 10, imageSize: 8, channels: 1, labelNames: ['0', '1', '2'] })
    expect([...images.labels]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    expect(manifest.shards.map(({ numImages }) => numImages)).toEqual([3, 3, 3, 1])
    expect(() => images.read(Int32Array.of(10))).toThrow(RangeError)
    expect(() => images.read(Int32Array.of(-1))).toThrow(RangeError)
    images.close()
    expect(() => images.read(Int32Array.of(0))).toThrow(/closed/)
  })

  test('a folder is brought to its channels and one size', async () => {
    const directory = await scratchDirectory()
    await write(directory, 'a.png', await png(30, 20, 5))
    await write(directory, 'b.png', await png(8, 31, 9))
    const store = createMapStore()
    const source = { kind: 'folder', directory, channels: 1 } as const
    const dataset = await importDataset({ id: 'pictures', source, store })

    const prepared = await prepareImages({ dataset, imageSize: 16, store, cacheDir: await scratchDirectory() })
    const images = openImages(prepared.directory)
    const direct = await readImages(source, { imageSize: 16 })

    expect(images.channels).toBe(1)
    expect([...images.labels]).toEqual([-1, -1])
    expect(Buffer.compare(images.read(Int32Array.of(0, 1)), direct.images)).toBe(0)
    images.close()
  })

  test('the second time asks the store for nothing', async () => {
    const { options, directory } = await prepare(createMapStore())
    const offline = createMapStore()

    const again = await prepareImages({ ...options, store: offline })

    expect(again.directory).toBe(directory)
  })

  test('another worker takes them from the store, even without the originals', async () => {
    const store = createMapStore()
    const { options, directory, manifest } = await prepare(store)
    for (const key of store.objects.keys()) if (key.includes('/original/')) store.objects.delete(key)
    const cacheDir = await scratchDirectory()

    const other = await prepareImages({ ...options, cacheDir })

    expect(other.manifest).toEqual(manifest)
    for (const file of await readdir(directory))
      expect((await readFile(join(other.directory, file))).equals(await readFile(join(directory, file)))).toBe(true)
    expect(await readdir(cacheDir)).toEqual(['tiny'])
  })

  test('many at once, in one cache and in two, with different shard sizes, all get whole images', async () => {
    const store = createMapStore()
    const { dataset, source } = await imported(store, 40)
    const caches = [await scratchDirectory(), await scratchDirectory()]

    const prepared = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        prepareImages({ dataset, imageSize: 8, store, cacheDir: caches[i % 2] ?? '', shardBytes: i < 3 ? 640 : 1000 }),
      ),
    )

    const { images: expected } = await readImages(source, { imageSize: 8 })
    for (const { directory } of prepared) {
      const images = openImages(directory)
      expect(Buffer.compare(images.read(Int32Array.from({ length: 40 }, (_, i) => i)), expected)).toBe(0)
      images.close()
    }
    for (const cache of caches) expect(await readdir(cache)).toEqual(['tiny'])
  })

  test('a damaged cache is noticed and made again', async () => {
    const { options, directory, manifest } = await prepare(createMapStore())
    const shard = join(directory, manifest.shards[1]?.file ?? '')
    await truncate(shard, 5)
    expect(() => openImages(directory)).toThrow(/damaged/)

    await prepareImages(options)

    expect((await readFile(shard)).byteLength).toBe(manifest.shards[1]?.sizeBytes)
    await writeFile(join(directory, 'manifest.json'), '{"format": "kan')
    await prepareImages(options)
    expect(openImages(directory).numImages).toBe(10)
  })

  test('what a killed process left is removed a day later, what is being made is not', async () => {
    const { options } = await prepare(createMapStore())
    const [old, fresh] = [join(options.cacheDir, '.partial-old'), join(options.cacheDir, '.partial-fresh')]
    await mkdir(old)
    await mkdir(fresh)
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
    await utimes(old, twoDaysAgo, twoDaysAgo)

    await prepareImages({ ...options, imageSize: 16 })

    expect((await readdir(options.cacheDir)).sort()).toEqual(['.partial-fresh', 'tiny'])
  })

  test('a damaged object in the store is refused, and leaves nothing behind', async () => {
    const store = createMapStore()
    const { options, manifest } = await prepare(store)
    const key = [...store.objects.keys()].find((each) => each.endsWith(manifest.shards[0]?.file ?? '?')) ?? ''
    store.objects.set(key, new Uint8Array(store.objects.get(key) ?? []).fill(1, 0, 1))
    const cacheDir = await scratchDirectory()

    await expect(prepareImages({ ...options, cacheDir })).rejects.toThrow(DatasetChanged)
    expect(await readdir(cacheDir)).toEqual([])
  })

  test('F38: images that were replaced whole, manifest and all, are not taken for those that were imported', async () => {
    const store = createMapStore()
    const { options } = await prepare(store)
    const key = `datasets/tiny/${options.dataset.version}/8/manifest.json`
    const manifest = new TextDecoder().decode(store.objects.get(key))
    store.objects.set(key, Buffer.from(manifest.replace(options.dataset.contentHash, 'ab'.repeat(32))))
    const cacheDir = await scratchDirectory()

    await expect(prepareImages({ ...options, cacheDir })).rejects.toThrow(DatasetChanged)
    expect(await readdir(cacheDir)).toEqual([])
    // What this worker brought here before is still what was imported.
    await prepareImages(options)
  })

  test('a manifest cannot name a path', async () => {
    const store = createMapStore()
    const { options } = await prepare(store)
    const key = `datasets/tiny/${options.dataset.version}/8/manifest.json`
    const manifest = new TextDecoder().decode(store.objects.get(key))
    store.objects.set(key, Buffer.from(manifest.replace(/images-00000-[0-9a-f]{12}\.bin/, '../../../evil')))

    await expect(prepareImages({ ...options, cacheDir: await scratchDirectory() })).rejects.toThrow(/not ours/)
  })

  test('an unknown version, a forged one and an impossible size are refused', async () => {
    const store = createMapStore()
    const { options } = await prepare(store)
    const ask = (change: object) => prepareImages({ ...options, ...change })

    await expect(ask({ dataset: { ...options.dataset, version: '0123456789abcdef' } })).rejects.toMatchObject({
      code: 'not-found',
    })
    await expect(ask({ dataset: { ...options.dataset, version: '../../../../etc' } })).rejects.toThrow(
      /not a dataset version/,
    )
    await expect(ask({ imageSize: 0.5 })).rejects.toThrow(/image size/)
  })
})

describe('readImages', () => {
  test('reads the first of the held-out digits as the trainer would see them', async () => {
    const held = await readImages({ kind: 'mnist', split: 'test' }, { imageSize: 32, limit: 100 })

    expect(held).toMatchObject({ numImages: 100, imageSize: 32, channels: 1 })
    expect([...held.labels.subarray(0, 6)]).toEqual([7, 2, 1, 0, 4, 1])
    expect(held.images.byteLength).toBe(100 * 32 * 32)
  })
})
