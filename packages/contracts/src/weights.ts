import { z } from 'zod'

/** Uploaded weights that jobs can start from: `"startFrom": {"weights": id}`. */
export const Weights = z
  .object({
    id: z.uuid(),
    sizeBytes: z.int(),
    sha256: z.string(),
    /** Those that the file holds: `generator` under names that begin with `netG.`, `critic` under `netD.`. What it lacks starts from scratch. */
    networks: z.array(z.enum(['generator', 'critic'])),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Weights' })
export type Weights = z.infer<typeof Weights>
