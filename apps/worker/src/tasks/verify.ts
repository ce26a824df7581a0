import { faultOf, inspectObject } from '../inspect-object.js'
import { outlast } from '../patience.js'
import type { TaskOutcome, TaskWork } from './registry.js'

/** Reads the object again and compares size and hash with its row. */
export async function verify({ checkpoint, store, signal, log }: TaskWork<'verify'>): Promise<TaskOutcome<'verify'>> {
  const look = () =>
    outlast('checkpoint verification', () => inspectObject(store, checkpoint.key, signal), { signal, log })
  let found = await look()
  // Twice, because a quarantine is for good and a wire may err too.
  if (faultOf(checkpoint, found) !== null) found = await look()
  const fault = faultOf(checkpoint, found)
  return {
    result: {
      intact: fault === null,
      sizeBytes: found?.sizeBytes ?? null,
      sha256: found?.sha256 ?? null,
      fault,
    },
    fault: fault ?? undefined,
  }
}
