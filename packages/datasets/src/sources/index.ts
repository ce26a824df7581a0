import { openCifar } from './cifar.js'
import { openFashionMnist } from './fashion-mnist.js'
import { openFolder } from './folder.js'
import { openIdx } from './idx.js'
import { openLmdb } from './lmdb.js'
import { openMnist } from './mnist.js'
import { openObjects } from './objects.js'
import type { DatasetSource, OpenSource, SourceContext } from './source.js'
import { openTar } from './tar.js'
import { openZip } from './zip.js'

type Kind = DatasetSource['kind']
type Open<K extends Kind> = (source: Extract<DatasetSource, { kind: K }>, context: SourceContext) => Promise<OpenSource>

const openers: { [K in Kind]: Open<K> } = {
  mnist: openMnist,
  'fashion-mnist': openFashionMnist,
  idx: openIdx,
  folder: openFolder,
  zip: openZip,
  tar: openTar,
  lmdb: openLmdb,
  objects: openObjects,
  'cifar-10': openCifar,
  'cifar-100': openCifar,
}

export const sourceKinds = Object.keys(openers) as Kind[]

/** Opens a source of any kind; AppError `not-found`, `dataset-empty`, `dataset-invalid` or one of archives says what is wrong with it and what to do. */
export function openSource<K extends Kind>(
  source: Extract<DatasetSource, { kind: K }>,
  context: SourceContext,
): Promise<OpenSource> {
  const open: Open<K> = openers[source.kind as K]
  return open(source, context)
}
