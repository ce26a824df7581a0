import type { DatasetFormat, ErrorCode } from '@kantor/contracts'
import type { Fetched, SpooledDataset } from '@kantor/datasets'

/** What the importing process is told. */
export interface StartImport {
  /** Of this machine; what came from elsewhere has been brought here. */
  source: Fetched
  format?: DatasetFormat | undefined
  channels?: 1 | 3 | undefined
  /** The only place that it can write to. Removed with all that is in it when the import has ended. */
  scratch: string
}

/** What it tells. */
export type FromImport =
  /** A sign of life, with how many images there were; 0 before the first. */
  | { type: 'progress'; numImages: number }
  /** The dataset lies in the scratch directory. */
  | { type: 'done'; spooled: SpooledDataset }
  | { type: 'refused'; code: ErrorCode; detail: string }
