// What a supervisor and its evaluator say to each other over fork's IPC channel. Bytes lie in files of the task's folder.
import { Evaluation, FeatureNetwork, MadeExtractor, MetricName } from '@kantor/contracts'
import { z } from 'zod'

/** Supervisor → evaluator, one message: one piece of work, then the process ends. */
export const ToEvaluator = z.discriminatedUnion('type', [
  /** Train or make an extractor and write it to `file`. */
  z.object({ type: z.literal('make-extractor'), kind: MadeExtractor, imagesDirectory: z.string(), file: z.string() }),
  z.object({
    type: z.literal('evaluate'),
    imagesDirectory: z.string(),
    checkpointFile: z.string(),
    extractorFiles: z.array(z.string()),
    /** Somebody's own network, a frozen graph. */
    uploaded: z.object({ file: z.string(), network: FeatureNetwork }).optional(),
    metrics: z.array(MetricName),
    numImages: z.int(),
    weights: z.enum(['generator', 'average']).optional(),
  }),
])
export type ToEvaluator = z.infer<typeof ToEvaluator>

/** Evaluator → supervisor, one message. */
export const FromEvaluator = z.discriminatedUnion('type', [
  z.object({ type: z.literal('made'), sizeBytes: z.int(), sha256: z.string(), accuracy: z.number().nullable() }),
  z.object({ type: z.literal('evaluated'), evaluation: Evaluation }),
  /** `impossible`: no other try would go better. */
  z.object({ type: z.literal('failed'), message: z.string(), impossible: z.boolean() }),
])
export type FromEvaluator = z.infer<typeof FromEvaluator>
