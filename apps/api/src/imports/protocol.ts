import { type DatasetFormat, DatasetStatistics, type ErrorCode, errorCatalogue } from '@kantor/contracts'
import type { Fetched, SpooledDataset } from '@kantor/datasets'
import { z } from 'zod'

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

/** It may have been taken over, so it is held to this. The manifest is looked at by who stores it. */
export const FromImport: z.ZodType<FromImport> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), numImages: z.int().min(0) }),
  z.object({
    type: z.literal('done'),
    spooled: z.object({
      manifest: z.custom<SpooledDataset['manifest']>((value) => typeof value === 'object' && value !== null),
      statistics: DatasetStatistics,
      preview: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
      description: z.string().max(10_000),
    }),
  }),
  z.object({
    type: z.literal('refused'),
    code: z.custom<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(errorCatalogue, value)),
    detail: z.string(),
  }),
])
