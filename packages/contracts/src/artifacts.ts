import { z } from 'zod'

/** A PNG grid of images from the job's fixed latents. */
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
    channels: z.int(),
    sizeBytes: z.int(),
    sha256: z.string(),
    url: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Sample' })
export type Sample = z.infer<typeof Sample>

/** One safetensors object: weights under the authors' names, optimizer slots, and everything a resume needs. */
export const Checkpoint = z
  .object({
    id: z.uuid(),
    jobId: z.uuid(),
    step: z.int(),
    attempt: z.int(),
    sizeBytes: z.int(),
    sha256: z.string(),
    quarantined: z.boolean(),
    url: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Checkpoint' })
export type Checkpoint = z.infer<typeof Checkpoint>
