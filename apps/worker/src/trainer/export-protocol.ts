// What a supervisor and the process that exports a generator say to each other. Large bytes lie in files.
import { ExportRequest } from '@kantor/contracts'
import { z } from 'zod'

/** The only message to the process. */
export const Export = z.object({
  type: z.literal('export'),
  /** A checkpoint, verified by the supervisor. */
  checkpointFile: z.string(),
  request: ExportRequest,
  /** Where the files go. */
  directory: z.string(),
})
export type Export = z.infer<typeof Export>

export const FromExport = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('exported'),
    /** Their names, in the directory. */
    files: z.array(z.string()).min(1),
    latentSize: z.int(),
    imageSize: z.int(),
    channels: z.int(),
    weights: z.enum(['generator', 'average']),
  }),
  /** `impossible`: no other try would go better. */
  z.object({ type: z.literal('failed'), message: z.string(), impossible: z.boolean() }),
])
export type FromExport = z.infer<typeof FromExport>
