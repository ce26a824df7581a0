import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { scratchDirectory, write } from '../../fixtures/source-files.js'
import { openLmdb } from './lmdb.js'
import type { SourceImage } from './source.js'

/** Written by py-lmdb 1.4.0 on LMDB 0.9.24: `fixtures/make-lmdb.py`. */
const whole = gunzipSync(readFileSync(join(import.meta.dirname, '../../fixtures/images.mdb.gz')))

async function read(path: string) {
  const log = { info: () => {}, warn: () => {} }
  const opened = await openLmdb({ kind: 'lmdb', path }, { log, scratch: '' })
  try {
    const images: SourceImage[] = []
    for await (const image of opened.images()) images.push(image)
    return images
  } finally {
    opened.close?.()
  }
}

const changed = async (change: (bytes: Buffer) => void) => {
  const bytes = Buffer.from(whole)
  change(bytes)
  return read(await write(await scratchDirectory(), 'x.mdb', bytes))
}

describe('an LMDB database', () => {
  test('is read as py-lmdb wrote it: three levels, deleted keys, a value beyond a page, in the order of keys', async () => {
    const directory = await scratchDirectory()
    await write(directory, 'data.mdb', whole)
    const images = await read(directory)

    const kept = Array.from({ length: 300 }, (_, i) => i).filter((i) => i % 5 > 0)
    expect(images.map(({ name }) => name?.slice(0, 4))).toEqual([
      ...kept.map((i) => String(i).padStart(4, '0')),
      'ff00',
    ])
    expect(images.map(({ label }) => label)).toEqual(images.map(() => -1))
    const large = images.find(({ name }) => name?.startsWith('0007'))!
    expect([large.image.width, large.image.height]).toEqual([80, 80])
    expect([...large.image.pixels.subarray(80, 83)]).toEqual([0, 1, 2])
    const small = images.filter((image) => image !== large)
    expect(small.map(({ image }) => image.pixels[0])).toEqual([...kept.filter((i) => i !== 7).map((i) => i % 256), 255])
  })

  test('counts as its newest transaction left it, which may be the one of either first page', async () => {
    // The second transaction is told of in the first page, the one before it in the second.
    expect([0, 4096].map((at) => whole.readBigUInt64LE(at + 144))).toEqual([2n, 1n])

    expect(await changed((bytes) => void bytes.writeBigUInt64LE(0n, 144))).toHaveLength(300)
  })

  test.each<[string, (bytes: Buffer) => void]>([
    ['begins with something else', (bytes) => bytes.fill(0, 0, 64)],
    ['is of another version', (bytes) => void bytes.writeUInt32LE(2, 20)],
    ['has pages of an impossible size', (bytes) => void bytes.writeUInt32LE(3, 40)],
    [
      'names a page that is not there',
      (bytes) => [0, 4096].forEach((at) => bytes.writeBigUInt64LE(10n ** 9n, at + 128)),
    ],
    ['leads in a circle', (bytes) => circle(bytes)],
  ])('is refused when it %s', async (_, change) => {
    await expect(changed(change)).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  test('is refused when it is cut short', async () => {
    for (const length of [0, 100, 4096, whole.length / 2]) {
      const path = await write(await scratchDirectory(), 'x.mdb', whole.subarray(0, length))
      await expect(read(path)).rejects.toMatchObject({ code: 'dataset-invalid' })
    }
  })
})

/** Every branch page's children become the root. */
function circle(bytes: Buffer): void {
  const newest = bytes.readBigUInt64LE(144) > bytes.readBigUInt64LE(4096 + 144) ? 0 : 4096
  const root = Number(bytes.readBigUInt64LE(newest + 128))
  const page = root * 4096
  const numNodes = (bytes.readUInt16LE(page + 12) - 16) / 2
  for (let i = 0; i < numNodes; i++) bytes.writeUInt32LE(root, page + bytes.readUInt16LE(page + 16 + 2 * i))
}
