// What a supervisor and its evaluator say to each other over fork's IPC channel. Bytes lie in files of the task's folder.
import { Evaluation, ExtractorKind, MetricName } from '@kantor/contracts'
import { z } from 'zod'

/** Supervisor → evaluator, one message: one piece of work, then the process ends. */
export const ToEvaluator = z.discriminatedUnion('type', [
  /** Train or make an extractor and write it to `file`. */
  z.object({ type: z.literal('make-extractor'), kind: ExtractorKind, imagesDirectory: z.string(), file: z.string() }),
  z.object({
    type: z.literal('evaluate'),
    imagesDirectory: z.string(),
    checkpointFile: z.string(),
    extractorFiles: z.array(z.string()),
    metrics: z.array(MetricName),
    numImages: z.int(),
  }),
])
export type ToEvaluator = z.infer<typeof ToEvaluator>

/** Evaluator → supervisor, one message. */
export const FromEvaluator = z.discriminatedUnion('type', [
  z.object({ type: z.literal('made'), sizeBytes: z.int(), sha256: z.string(), accuracy: z.number().nullable() }),
  z.object({ type: z.literal('evaluated'), evaluation: Evaluation }),
  z.object({ type: z.literal('failed'), message: z.string() }),
])
export type FromEvaluator = z.infer<typeof FromEvaluator>
