import { openFashionMnist } from './fashion-mnist.js'
import { openFolder } from './folder.js'
import { openIdx } from './idx.js'
import { openMnist } from './mnist.js'
import type { DatasetSource, OpenSource, SourceLog } from './source.js'

type Kind = DatasetSource['kind']
type Open<K extends Kind> = (source: Extract<DatasetSource, { kind: K }>, log: SourceLog) => Promise<OpenSource>

const openers: { [K in Kind]: Open<K> } = {
  mnist: openMnist,
  'fashion-mnist': openFashionMnist,
  idx: openIdx,
  folder: openFolder,
}

export const sourceKinds = Object.keys(openers) as Kind[]

/** Opens a source of any kind; AppError `not-found` or `validation-failed` says what is wrong with it and what to do. */
export function openSource<K extends Kind>(
  source: Extract<DatasetSource, { kind: K }>,
  log: SourceLog,
): Promise<OpenSource> {
  const open: Open<K> = openers[source.kind as K]
  return open(source, log)
}
