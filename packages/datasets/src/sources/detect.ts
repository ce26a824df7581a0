import { open, readdir, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createGunzip } from 'node:zlib'
import { createReadStream } from 'node:fs'
import { AppError, type DatasetFormat } from '@kantor/contracts'
import { isLmdb } from './read-lmdb.js'
import type { DatasetSource } from './source.js'

export interface Wish {
  /** Default: what is there says it. */
  format?: DatasetFormat | undefined
  /** Of images in files. */
  channels?: 1 | 3 | undefined
}

/** What lies at a path, by content and never by its name. AppError `not-found` where nothing does, `dataset-invalid` for what is no source. */
export async function sourceAt(path: string, { format, channels }: Wish = {}): Promise<DatasetSource> {
  const form = format ?? (await formatAt(path))
  const wished = channels && { channels }
  switch (form) {
    case 'folder':
      return { kind: form, directory: path, ...wished }
    case 'zip':
    case 'tar':
      return { kind: form, file: path, ...wished }
    case 'cifar-10':
    case 'cifar-100':
      return { kind: form, path }
    case 'lmdb':
      return { kind: form, path, ...wished }
    case 'idx':
      return { kind: form, images: path }
  }
}

async function formatAt(path: string): Promise<DatasetFormat> {
  const found = await stat(path).catch((cause: Error) => {
    throw new AppError('not-found', `there is no file or folder ${JSON.stringify(path)}`, { cause })
  })
  if (found.isDirectory()) {
    const names = await readdir(path)
    if (names.includes('data.mdb')) return 'lmdb'
    if (names.includes('data_batch_1.bin')) return 'cifar-10'
    return names.includes('train.bin') && names.includes('fine_label_names.txt') ? 'cifar-100' : 'folder'
  }
  const head = await firstBytes(path)
  if (head.subarray(0, 2).toString('latin1') === 'PK') return 'zip'
  if (isLmdb(head)) return 'lmdb'
  if (head.length >= 4 && head.readUInt32BE(0) === 0x0803) return 'idx'
  if (head.subarray(257, 262).toString('latin1') === 'ustar') {
    const [top = ''] = head.subarray(0, 100).toString('latin1').split('/', 1)
    if (top === 'cifar-10-batches-bin') return 'cifar-10'
    return top === 'cifar-100-binary' ? 'cifar-100' : 'tar'
  }
  throw new AppError(
    'dataset-invalid',
    `${JSON.stringify(basename(path))} is neither a folder nor a ZIP, tar, IDX or LMDB file`,
  )
}

/** The first block, of a gzipped file unpacked. */
async function firstBytes(path: string): Promise<Buffer> {
  const handle = await open(path)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0)
  await handle.close()
  const head = buffer.subarray(0, bytesRead)
  if (bytesRead < 2 || head.readUInt16BE(0) !== 0x1f8b) return head
  const source = createReadStream(path)
  const parts: Buffer[] = []
  try {
    let size = 0
    for await (const chunk of source.pipe(createGunzip())) {
      parts.push(chunk as Buffer)
      size += (chunk as Buffer).byteLength
      if (size >= 512) break
    }
  } catch (cause) {
    throw new AppError('archive-invalid', `the archive cannot be read: ${(cause as Error).message}`, { cause })
  } finally {
    source.destroy()
  }
  return Buffer.concat(parts)
}
