import { z } from 'zod'
import { PointLaw } from './points.js'

const idPattern = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'

/** A dataset's name: lower case letters, digits and dashes, 1 to 63 characters. */
export const DatasetId = z.string().regex(new RegExp(`^${idPattern}$`), {
  message: 'must be 1 to 63 lower case letters, digits or dashes',
})

/** `mnist` (the newest version when the job is submitted) or `mnist@<version>`. A stored spec always holds the version. */
export const DatasetRef = z
  .string()
  .max(128)
  .regex(new RegExp(`^${idPattern}(?:@[0-9a-f]{12,64})?$`), {
    message: 'must be a dataset id, or id@version',
  })

export const Dataset = z
  .object({
    id: DatasetId,
    /** The first 16 hexadecimal digits of the content hash. */
    version: z.string(),
    contentHash: z.string(),
    /** Images, or points where there is a `law`. */
    numImages: z.int(),
    /** Colour channels of an image, or coordinates of a point. */
    channels: z.int(),
    /** What its points are drawn from; null for a dataset of images. */
    law: PointLaw.nullable(),
    /** Named labels in order of their number; empty when the source has none. */
    labels: z.array(z.string()),
    /** Where it came from, for people. */
    source: z.string(),
    sizeBytes: z.int(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Dataset' })
export type Dataset = z.infer<typeof Dataset>

/** In which form images lie somewhere. */
export const DatasetFormat = z
  .enum(['folder', 'zip', 'tar', 'cifar-10', 'cifar-100', 'idx', 'lmdb'])
  .meta({ id: 'DatasetFormat' })
export type DatasetFormat = z.infer<typeof DatasetFormat>

/** What the images of a version are like, measured when it was imported. */
export const DatasetStatistics = z
  .object({
    /** Per channel, of values from 0 to 255; every image weighs the same, whatever its size. */
    mean: z.array(z.number()),
    /** Per channel, around that mean. */
    deviation: z.array(z.number()),
    /** Images of each label, in the labels' order. */
    labelCounts: z.array(z.int()),
    unlabelled: z.int(),
    /** The most frequent sizes in pixels, at most twenty. */
    sizes: z.array(z.object({ width: z.int(), height: z.int(), count: z.int() })),
    /** Images of any other size. */
    otherSizes: z.int(),
    /** Files that could not be used and were left out, the first twenty by name. */
    skipped: z.object({ count: z.int(), first: z.array(z.object({ name: z.string(), reason: z.string() })) }),
  })
  .meta({ id: 'DatasetStatistics' })
export type DatasetStatistics = z.infer<typeof DatasetStatistics>

/** What an import has made. */
export interface ImportedDataset extends Omit<Dataset, 'createdAt'> {
  statistics: DatasetStatistics
  /** The object of the preview, a PNG. */
  preview: { key: string; sizeBytes: number; sha256: string }
}
