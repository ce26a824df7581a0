import type { FailureKind } from './protocol.js'

/** The prepared images could not be read. */
export class DatasetUnreadable extends Error {
  override name = 'DatasetUnreadable'

  constructor(cause: unknown) {
    super(`the prepared images cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

// TensorFlow says the first two, V8 and node the next two, C++ the last.
const outOfMemory =
  /RESOURCE_EXHAUSTED|OOM when allocating|Array buffer allocation failed|heap out of memory|bad_alloc/i

const kindByName: Record<string, FailureKind> = {
  DivergedError: 'diverged',
  DatasetUnreadable: 'dataset',
  // Damaged, though its hash is right: it was written so.
  SafetensorsError: 'checkpoint',
  // Good, and not ours: of another release or spec. Quarantining it would throw work away, trying again would end the same.
  CheckpointError: 'incompatible',
}

/** True for text that tells of exhausted memory: an error's message, or the last lines of a dead process. */
export const tellsOutOfMemory = (text: string): boolean => outOfMemory.test(text)

/** What an error within the trainer means for the job. */
export function classifyFailure(error: unknown): { kind: FailureKind; message: string; stack?: string } {
  if (!(error instanceof Error)) return { kind: 'error', message: String(error) }
  const kind = kindByName[error.name] ?? (tellsOutOfMemory(error.message) ? 'out_of_memory' : 'error')
  return { kind, message: error.message, ...(error.stack !== undefined && { stack: error.stack }) }
}
