import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { pack } from 'tar-stream'
import { scratchDirectory, write } from '../../fixtures/source-files.js'
import { openCifar } from './cifar.js'
import type { DatasetSource, SourceImage } from './source.js'

type CifarSource = Extract<DatasetSource, { kind: 'cifar-10' | 'cifar-100' }>

/** Pixel (y, x) of image n has red n, green y and blue x. */
function record(labels: number[], n: number): Buffer {
  const planes = Buffer.alloc(3072, n)
  for (let i = 0; i < 1024; i++) {
    planes[1024 + i] = Math.floor(i / 32)
    planes[2048 + i] = i % 32
  }
  return Buffer.concat([Buffer.from(labels), planes])
}

const names = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')
const cifar10 = (): Record<string, Buffer> => ({
  'batches.meta.txt': Buffer.from(`${names.join('\n')}\n\n`),
  ...Object.fromEntries(
    [1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, Buffer.concat([record([i], 2 * i), record([9], 2 * i + 1)])]),
  ),
  'test_batch.bin': record([0], 99),
})

async function inDirectory(files: Record<string, Buffer>): Promise<string> {
  const directory = await scratchDirectory()
  for (const [name, bytes] of Object.entries(files)) await write(directory, name, bytes)
  return directory
}

async function inTar(files: Record<string, Buffer>): Promise<string> {
  const made = pack()
  for (const [name, bytes] of Object.entries(files)) made.entry({ name: `cifar-10-batches-bin/${name}` }, bytes)
  made.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of made) chunks.push(chunk as Buffer)
  return write(await scratchDirectory(), 'cifar-10-binary.tar.gz', gzipSync(Buffer.concat(chunks)))
}

async function read(source: CifarSource) {
  const log = { info: () => {}, warn: () => {} }
  const opened = await openCifar(source, { log, scratch: await scratchDirectory() })
  const images: SourceImage[] = []
  for await (const image of opened.images()) images.push(image)
  return { opened, images }
}

describe('CIFAR', () => {
  test.each([
    ['its directory', inDirectory],
    ['the tar file as it is offered', inTar],
  ])('10 in %s: five batches in order, planes interleaved, labels named', async (_, place) => {
    const path = await place(cifar10())
    const { opened, images } = await read({ kind: 'cifar-10', path })

    expect(opened).toMatchObject({ width: 32, height: 32, channels: 3, encoding: 'raw', labelNames: names })
    expect(images.map(({ label }) => label)).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9])
    expect(images.map(({ bytes }) => bytes[0])).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    // Row 31, column 5.
    expect([...images[3]!.bytes.subarray((31 * 32 + 5) * 3).subarray(0, 3)]).toEqual([5, 31, 5])
    expect((await read({ kind: 'cifar-10', path, split: 'test' })).images.map(({ bytes }) => bytes[0])).toEqual([99])
  })

  test('100: the fine label, numbered where the file of names is missing', async () => {
    const path = await inDirectory({ 'train.bin': Buffer.concat([record([3, 42], 1), record([4, 99], 2)]) })
    const { opened, images } = await read({ kind: 'cifar-100', path })

    expect([opened.labelNames.length, opened.labelNames[42]]).toEqual([100, '42'])
    expect(images.map(({ label }) => label)).toEqual([42, 99])
  })

  test.each<[string, Record<string, Buffer>, RegExp]>([
    ['a file is missing', { 'data_batch_1.bin': record([1], 1) }, /no data_batch_2/],
    ['a file is cut', { ...cifar10(), 'data_batch_3.bin': record([1], 1).subarray(1) }, /3072 bytes are not records/],
    ['a label is none', { ...cifar10(), 'data_batch_2.bin': record([10], 1) }, /image 0 has the label 10/],
  ])('is refused when %s', async (_, files, why) => {
    const reading = read({ kind: 'cifar-10', path: await inDirectory(files) })

    await expect(reading).rejects.toMatchObject({ code: 'dataset-invalid', detail: expect.stringMatching(why) })
  })

  test('is not found where there is nothing', async () => {
    const path = join(await scratchDirectory(), 'nothing')

    await expect(read({ kind: 'cifar-10', path })).rejects.toMatchObject({ code: 'not-found' })
  })
})
