// Bad datasets D4 to D9, in archives; the archives themselves are tested where they are read.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync, crc32, gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
import { pack } from 'tar-stream'
import { zipBytes } from '@kantor/testing'
import { createMapStore } from '../../fixtures/map-store.js'
import { gradient, png, scratchDirectory, write } from '../../fixtures/source-files.js'
import { importDataset } from '../import-dataset.js'
import type { DatasetSource } from './source.js'

interface Packed {
  name: string
  bytes: Uint8Array
}

async function tarOf(files: Packed[]): Promise<Buffer> {
  const made = pack()
  for (const { name, bytes } of files) made.entry({ name }, Buffer.from(bytes))
  made.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of made) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The files in every form that they can come in. */
async function inEveryForm(files: Packed[]): Promise<DatasetSource[]> {
  const directory = await scratchDirectory()
  for (const { name, bytes } of files) await write(directory, join('folder', name), bytes)
  const tar = await tarOf(files)
  return [
    { kind: 'folder', directory: join(directory, 'folder') },
    { kind: 'zip', file: await write(directory, 'set.zip', zipBytes(files)) },
    { kind: 'tar', file: await write(directory, 'set.tar', tar) },
    { kind: 'tar', file: await write(directory, 'set.tar.gz', gzipSync(tar)) },
  ]
}

async function imported(source: DatasetSource) {
  const store = createMapStore()
  const scratchDir = await scratchDirectory()
  const warnings: string[] = []
  const log = { info: () => {}, warn: (message: string) => void warnings.push(message) }
  const outcome = await importDataset({ id: 'tiny', source, store, scratchDir, log }).catch((error: unknown) => error)
  // Whatever happened, the spool is gone, and of a refused source nothing is kept.
  expect(await readdir(scratchDir)).toEqual([])
  if (outcome instanceof Error) expect(store.objects.size).toBe(0)
  return { outcome, warnings }
}

const inZip = async (files: Packed[]): Promise<DatasetSource> => ({
  kind: 'zip',
  file: await write(await scratchDirectory(), 'set.zip', zipBytes(files)),
})
const good = async (count: number): Promise<Packed[]> =>
  Promise.all(Array.from({ length: count }, async (_, i) => ({ name: `good/${i}.png`, bytes: await png(9, 7, i) })))

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.byteLength, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

/** A PNG of so many black pixels, a thousand times smaller than they. */
function hugePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  const rows = Buffer.alloc(height * (1 + Math.ceil(width / 8)))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

describe('an archive of images', () => {
  test('is the same version as the folder that it holds, packed with or without that folder', async () => {
    const names = [
      'dog/b.png',
      'cat/é 😀.png',
      'cat/Z.jpeg',
      'dog/a/z.PNG',
      'cat/.hidden.png',
      '__MACOSX/._b.png',
      'readme.txt',
    ]
    const files = await Promise.all(names.map(async (name, i) => ({ name, bytes: await png(9, 7, i) })))
    const inOneFolder = files.map(({ name, bytes }) => ({ name: `set/${name}`, bytes }))
    const sources = [...(await inEveryForm(files)), ...(await inEveryForm(inOneFolder)).slice(1)]

    const outcomes = await Promise.all(sources.map(async (source) => (await imported(source)).outcome))

    expect(outcomes[0]).toMatchObject({ numImages: 4, labels: ['cat', 'dog'] })
    const [first] = outcomes as { version: string }[]
    expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ version: first!.version })))
  })

  test.each(['../../x.png', '/x.png', 'C:\\x.png', '..\\..\\x.png'])('D4: with %j is refused whole', async (name) => {
    const files = [...(await good(3)), { name, bytes: await png(3, 3) }]

    for (const source of (await inEveryForm(files)).slice(1))
      expect((await imported(source)).outcome).toMatchObject({ code: 'archive-unsafe-entry', status: 422 })
  })

  test('D5: with an archive in it is refused, as 42.zip is', async () => {
    const files = [...(await good(3)), { name: 'lib 0.zip', bytes: zipBytes([]) }]

    for (const source of (await inEveryForm(files)).slice(1))
      expect((await imported(source)).outcome).toMatchObject({ code: 'archive-too-large', status: 422 })
  })
})

describe('a set of images in any form', () => {
  test('D3: is refused when it is empty', async () => {
    for (const source of await inEveryForm([{ name: 'readme.txt', bytes: Buffer.from('x') }]))
      expect((await imported(source)).outcome).toMatchObject({ code: 'dataset-empty', status: 422 })
  })

  test.each<[string, string, () => Promise<Buffer>]>([
    ['289 megapixels in a small file', 'image-too-large', async () => hugePng(17_000, 17_000)],
    ['14 000 × 14 000', 'image-too-large', async () => hugePng(14_000, 14_000)],
    ['GIF', 'image-format-not-allowed', () => gradient(9, 7).gif().toBuffer()],
    ['TIFF', 'image-format-not-allowed', () => gradient(9, 7).tiff().toBuffer()],
    ['SVG', 'image-format-not-allowed', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['a strip of 1 × 65 535', 'image-dimensions', () => gradient(1, 65_535).png().toBuffer()],
  ])('D6, D8: is refused when it is of %s under the name of a PNG', async (_, code, make) => {
    const { outcome } = await imported(await inZip([{ name: 'x.png', bytes: await make() }]))

    expect(outcome).toMatchObject({ code, status: 422 })
  })

  test('D6: says so when an archive holds other formats only', async () => {
    const { outcome } = await imported(await inZip([{ name: 'x.gif', bytes: await gradient(9, 7).gif().toBuffer() }]))

    expect(outcome).toMatchObject({ code: 'image-format-not-allowed', status: 422 })
  })

  test('D7: reads what can be read, leaves a tenth out and names it, and fails above that with the first twenty names', async () => {
    const jpeg = await gradient(40, 40).jpeg().toBuffer()
    const readable: Packed[] = [
      { name: 'odd/cmyk.jpg', bytes: await gradient(40, 40).toColourspace('cmyk').jpeg().toBuffer() },
      { name: 'odd/deep.png', bytes: await gradient(40, 40).toColourspace('rgb16').png().toBuffer() },
      { name: 'odd/alpha.webp', bytes: await gradient(40, 40).ensureAlpha(0.5).webp().toBuffer() },
      { name: 'odd/turned.jpg', bytes: await gradient(40, 20).withMetadata({ orientation: 6 }).jpeg().toBuffer() },
      { name: 'odd/wrong-extension.png', bytes: jpeg },
      { name: 'odd/polyglot.jpg', bytes: Buffer.concat([jpeg, Buffer.from('<html><script>alert(1)</script>')]) },
      { name: 'odd/1x1.png', bytes: await png(1, 1) },
    ]
    const bad: Packed[] = [
      { name: 'bad/cut.jpg', bytes: jpeg.subarray(0, 300) },
      { name: 'bad/empty\n.png', bytes: Buffer.alloc(0) },
      { name: 'bad/page.jpg', bytes: Buffer.from('<html><body>') },
    ]
    const most = [...readable, ...(await good(30))]
    for (const source of await inEveryForm([...most, ...bad])) {
      const { outcome, warnings } = await imported(source)
      expect(outcome).toMatchObject({ numImages: 37, statistics: { skipped: { count: 3 } } })
      expect((outcome as { statistics: { sizes: unknown[] } }).statistics.sizes).toContainEqual({
        width: 20,
        height: 40,
        count: 1,
      })
      expect(warnings[0]).toContain('3 of 40 image files cannot be used: "bad/cut.jpg": ')
      expect(warnings[0]).toContain('"bad/empty\\n.png": the file is empty')
    }

    const many = Array.from({ length: 25 }, (_, i) => ({ name: `bad/${i + 10}.png`, bytes: jpeg.subarray(0, 300 + i) }))
    const { outcome } = await imported(await inZip([...most, ...many]))
    expect(outcome).toMatchObject({ code: 'dataset-invalid', status: 422 })
    const { detail } = outcome as { detail: string }
    expect(detail).toContain('25 of 62 image files cannot be used')
    expect([detail.includes('bad/29.png'), detail.includes('bad/30.png')]).toEqual([true, false])
  })

  test('D8, D9: takes images of all sizes under any names', async () => {
    const names = [
      '\u202egnp.png',
      'line\nbreak.png',
      'A.png',
      'a.png',
      '😀.png',
      `${'n'.repeat(4000)}.png`,
      '%2e%2e%2f.png',
    ]
    const files = await Promise.all(
      names.map(async (name, i) => ({ name: `x/${name}`, bytes: await png(1 + 30 * i, 1 + 20 * i) })),
    )
    const { outcome } = await imported(await inZip([...files, { name: 'y.png', bytes: await png(2, 150) }]))

    expect(outcome).toMatchObject({ numImages: 8, labels: ['x'], statistics: { labelCounts: [7], unlabelled: 1 } })
  })

  test('a damaged entry of a ZIP file is a bad file, not a bad archive', async () => {
    const files = (await good(20)).map((file, i) => ({ ...file, ...(i === 3 && { crc: 1 }) }))
    const { outcome } = await imported(await inZip(files))

    expect(outcome).toMatchObject({
      numImages: 19,
      statistics: { skipped: { first: [{ reason: 'its checksum is wrong' }] } },
    })
  })

  test('its images are upright and of full depth in the preview’s colours', async () => {
    const { outcome } = await imported(
      await inZip([
        {
          name: 'red.png',
          bytes: await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
            .png()
            .toBuffer(),
        },
      ]),
    )

    expect(outcome).toMatchObject({ statistics: { mean: [255, 0, 0], deviation: [0, 0, 0] } })
  })
})
