import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { pack } from 'tar-stream'
import { zipBytes } from '@kantor/testing'
import { idxImages, png, scratchDirectory, write } from '../../fixtures/source-files.js'
import { sourceAt } from './detect.js'

async function tarOf(name: string): Promise<Buffer> {
  const made = pack()
  made.entry({ name }, 'x')
  made.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of made) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

test('sourceAt tells what lies at a path by its content', async () => {
  const directory = await scratchDirectory()
  const [folder, ten, hundred] = await Promise.all([scratchDirectory(), scratchDirectory(), scratchDirectory()])
  await write(folder, 'a.png', await png(2, 2))
  await write(ten, 'data_batch_1.bin', '')
  await write(hundred, 'train.bin', '')
  await write(hundred, 'fine_label_names.txt', '')
  const at = async (bytes: Uint8Array) => sourceAt(await write(directory, 'it.jpg', bytes), { channels: 1 })

  expect(await sourceAt(folder)).toEqual({ kind: 'folder', directory: folder })
  expect(await sourceAt(ten, { channels: 3 })).toEqual({ kind: 'cifar-10', path: ten })
  expect(await sourceAt(hundred)).toMatchObject({ kind: 'cifar-100' })
  expect(await sourceAt(ten, { format: 'folder' })).toMatchObject({ kind: 'folder' })
  expect(await at(zipBytes([{ name: 'a' }]))).toMatchObject({ kind: 'zip', channels: 1 })
  expect(await at(idxImages(1, 2, 2))).toMatchObject({ kind: 'idx' })
  expect(await at(await tarOf('a/b.png'))).toMatchObject({ kind: 'tar', channels: 1 })
  expect(await at(gzipSync(await tarOf('a/b.png')))).toMatchObject({ kind: 'tar' })
  expect(await at(gzipSync(await tarOf('cifar-10-batches-bin/x')))).toMatchObject({ kind: 'cifar-10' })
  expect(await at(Buffer.concat([Buffer.alloc(16), Buffer.from('dec0efbe01000000', 'hex')]))).toMatchObject({
    kind: 'lmdb',
  })
  for (const junk of [Buffer.alloc(0), Buffer.from('<html>'), gzipSync(Buffer.from('x')), await png(2, 2)])
    await expect(at(junk)).rejects.toMatchObject({ code: 'dataset-invalid' })
  await expect(at(gzipSync(Buffer.from('x')).subarray(0, 12))).rejects.toMatchObject({ code: 'archive-invalid' })
  await expect(sourceAt(`${folder}/nothing`)).rejects.toMatchObject({ code: 'not-found' })
})
