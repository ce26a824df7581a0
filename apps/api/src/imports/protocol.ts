import type { DatasetFormat, ErrorCode, ImportedDataset } from '@kantor/contracts'

/** What the importing process is told. */
export interface StartImport {
  datasetId: string
  /** Absolute; a file of ours for an upload. */
  path: string
  format?: DatasetFormat | undefined
  channels?: 1 | 3 | undefined
  /** Removed with all that is in it when the process has ended. */
  scratch: string
}

/** What it tells. */
export type FromImport =
  | { type: 'progress'; numImages: number }
  | { type: 'done'; dataset: ImportedDataset }
  | { type: 'refused'; code: ErrorCode; detail: string }
