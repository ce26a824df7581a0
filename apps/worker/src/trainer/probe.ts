// Loads TensorFlow and says what it found. A process of its own: the supervisor must not carry 350 MB of native code, and a
// library that aborts must not take it along.
import { loadTensorFlow } from '@kantor/engine'
import type { ProbeReply } from '../device.js'

const reply: ProbeReply = await loadTensorFlow().then(
  ({ tensorflow, tfjs, device }) => ({ type: 'device', tensorflow, tfjs, device }),
  (error: unknown) => ({ type: 'unusable', message: error instanceof Error ? error.message : String(error) }),
)
process.send?.(reply, undefined, undefined, () => process.exit(0))
