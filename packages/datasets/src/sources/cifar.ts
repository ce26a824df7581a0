import { readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readTar } from '@kantor/archives'
import { AppError } from '@kantor/contracts'
import { archiveLimits } from './archived-images.js'
import type { DatasetSource, OpenSource, SourceContext, SourceImage } from './source.js'

const side = 32
const plane = side * side
const pixelBytes = 3 * plane

/** https://www.cs.toronto.edu/~kriz/cifar.html: records of label bytes (CIFAR-100: the coarse one first), then the red, green and blue planes. */
const variants = {
  'cifar-10': {
    labelBytes: 1,
    namesFile: 'batches.meta.txt',
    train: ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin'],
    test: ['test_batch.bin'],
    numLabels: 10,
  },
  'cifar-100': {
    labelBytes: 2,
    namesFile: 'fine_label_names.txt',
    train: ['train.bin'],
    test: ['test.bin'],
    numLabels: 100,
  },
} as const

type CifarSource = Extract<DatasetSource, { kind: 'cifar-10' | 'cifar-100' }>

/** Binary CIFAR; labels are the fine ones, named by the file of names where it is there and by their number where it is not. */
export async function openCifar(
  { kind, path, split = 'train' }: CifarSource,
  { scratch }: SourceContext,
): Promise<OpenSource> {
  const { labelBytes, namesFile, numLabels, ...files } = variants[kind]
  const wanted = files[split]
  const place = await filesIn(path, [...wanted, namesFile], scratch)
  const labelNames = await readNames(place(namesFile), numLabels)

  async function* images(): AsyncGenerator<SourceImage> {
    for (const name of wanted) {
      // 30 MB, or 150 MB for CIFAR-100.
      const bytes = await readFile(place(name)).catch((cause: Error) => {
        throw new AppError('dataset-invalid', `there is no ${name} in ${JSON.stringify(basename(path))}`, { cause })
      })
      const recordBytes = labelBytes + pixelBytes
      if (bytes.byteLength === 0 || bytes.byteLength % recordBytes !== 0)
        throw new AppError(
          'dataset-invalid',
          `${name} is not a file of ${kind}: its ${bytes.byteLength} bytes are not records of ${recordBytes}`,
        )
      for (let at = 0; at < bytes.byteLength; at += recordBytes) {
        const label = bytes[at + labelBytes - 1]!
        if (label >= numLabels)
          throw new AppError(
            'dataset-invalid',
            `${name} is not a file of ${kind}: image ${at / recordBytes} has the label ${label}`,
          )
        const pixels = interleaved(bytes.subarray(at + labelBytes, at + recordBytes))
        yield { bytes: pixels, image: { pixels, width: side, height: side, channels: 3 }, label, name: null }
      }
    }
  }
  const title = kind === 'cifar-10' ? 'CIFAR-10' : 'CIFAR-100'
  const description = `${title} ${split} split, ${JSON.stringify(basename(path))}`
  return { description, encoding: 'raw', width: side, height: side, labelNames, channels: 3, images }
}

function interleaved(planes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(pixelBytes)
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) pixels[i * 3 + c] = planes[c * plane + i]!
  return pixels
}

/** Where the files are: in the directory, or, out of a tar file, in scratch under our own names. */
async function filesIn(path: string, wanted: string[], scratch: string): Promise<(name: string) => string> {
  const found = await stat(path).catch((cause: Error) => {
    throw new AppError('not-found', `there is no ${JSON.stringify(path)}`, { cause })
  })
  if (found.isDirectory()) return (name) => join(path, name)
  const ours = (name: string) => join(scratch, `cifar-${wanted.indexOf(name)}.bin`)
  for await (const { name, chunks } of readTar(path, { ...archiveLimits, maxFileBytes: 256 * 2 ** 20 })) {
    const base = name.split('/').at(-1)!
    if (wanted.includes(base)) await writeFile(ours(base), chunks)
  }
  return ours
}

async function readNames(file: string, numLabels: number): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const names = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return names.length === numLabels ? names : Array.from({ length: numLabels }, (_, i) => String(i))
}
