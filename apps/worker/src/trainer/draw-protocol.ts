// What a supervisor and the process that draws images say to each other. Large bytes lie in files.
import { Generate, Neighbours } from '@kantor/contracts'
import { z } from 'zod'

/** The only message to the process. */
export const Draw = z.object({
  type: z.literal('draw'),
  /** A checkpoint, verified by the supervisor. */
  checkpointFile: z.string(),
  request: Generate,
  /** Where the images go: uint8, or float32 for `npy`. */
  imagesFile: z.string(),
  /** Where the request asks for neighbours. */
  training: z
    .object({
      /** The job's dataset, prepared for it. */
      imagesDirectory: z.string(),
      /** Where each image goes with its neighbours behind it, uint8. */
      sheetFile: z.string(),
    })
    .optional(),
})
export type Draw = z.infer<typeof Draw>

export const FromDrawing = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('drawn'),
    numImages: z.int(),
    imageSize: z.int(),
    channels: z.int(),
    weights: z.enum(['generator', 'average']),
    /** How many classes take turns; absent without classes. */
    classes: z.int().optional(),
    neighbours: Neighbours.optional(),
  }),
  /** `impossible`: no other try would go better. */
  z.object({ type: z.literal('failed'), message: z.string(), impossible: z.boolean() }),
])
export type FromDrawing = z.infer<typeof FromDrawing>
