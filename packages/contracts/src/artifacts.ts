import { z } from 'zod'
import { SeriesName } from './curve.js'

/** A PNG from the job's fixed latents: a grid of images, or one picture in which generated points lie over real ones. */
export const Sample = z
  .object({
    id: z.uuid(),
    jobId: z.uuid(),
    step: z.int(),
    attempt: z.int(),
    numImages: z.int(),
    /** Grid geometry: `columns` tiles per row, each `tileSize` pixels, `padding` pixels between and around. */
    columns: z.int(),
    tileSize: z.int(),
    padding: z.int(),
    /** Of the PNG. */
    channels: z.int(),
    /** How many points the picture shows, each with `dimensions` coordinates; null for a grid of images. */
    points: z.object({ count: z.int(), dimensions: z.int() }).nullable(),
    sizeBytes: z.int(),
    sha256: z.string(),
    url: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Sample' })
export type Sample = z.infer<typeof Sample>

/** Tiles in a row of a grid, at most. */
const WIDEST = 16

/**
 * Images in a row of a grid. With classes that take turns in it a column holds one class, while they fit in; else torchvision's default up to a
 * grid of 8 × 8, and 16 for larger ones, so that a screen holds them.
 */
export const gridColumns = (numImages: number, classes?: number): number =>
  Math.min(numImages, classes !== undefined && classes <= WIDEST ? classes : numImages <= 64 ? 8 : WIDEST)

/** The generated points of a sample: the coordinates of one after the other. A coordinate that is no number is null. */
export const SamplePoints = z
  .object({ dimensions: z.int(), points: z.array(z.array(z.number().nullable())) })
  .meta({ id: 'SamplePoints' })
export type SamplePoints = z.infer<typeof SamplePoints>

/** One safetensors object: weights under the authors' names, optimizer slots, and everything a resume needs. */
export const Checkpoint = z
  .object({
    id: z.uuid(),
    jobId: z.uuid(),
    step: z.int(),
    attempt: z.int(),
    sizeBytes: z.int(),
    sha256: z.string(),
    /** Put aside, because its bytes were found damaged or a roll-back gave it up: kept for people to see, never resumed from. */
    quarantined: z.boolean(),
    /** Kept until a person unpins it, whatever the job's retention says. */
    pinned: z.boolean(),
    /** The median of each series over the 101 points up to its step; null where none was finite. */
    medians: z.partialRecord(SeriesName, z.number().nullable()),
    url: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Checkpoint' })
export type Checkpoint = z.infer<typeof Checkpoint>
