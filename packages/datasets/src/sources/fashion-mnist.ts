import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '@kantor/contracts'
import { openIdx } from './idx.js'
import type { DatasetSource, OpenSource } from './source.js'

const debianDirectory = '/usr/share/datasets/fashion-mnist'

const labelNames = 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot'.split(',')

/** Xiao, Rasul and Vollgraf 2017, from Debian's package or a directory with its four .gz files. */
export async function openFashionMnist({
  split = 'train',
  directory = debianDirectory,
}: Extract<DatasetSource, { kind: 'fashion-mnist' }>): Promise<OpenSource> {
  const stem = join(directory, split === 'train' ? 'train' : 't10k')
  const images = `${stem}-images-idx3-ubyte.gz`
  if (!(await stat(images).catch(() => null)))
    throw new AppError(
      'not-found',
      `Fashion-MNIST is not in ${directory}: install it with \`apt-get install dataset-fashion-mnist\`, or name a directory that holds its four .gz files`,
    )
  const opened = await openIdx({ kind: 'idx', images, labels: `${stem}-labels-idx1-ubyte.gz`, labelNames })
  return { ...opened, description: `Fashion-MNIST ${split} split` }
}
