// Loads TensorFlow, says what it found, and trains a few steps to prove it. A process of its own: the supervisor must not carry 350 MB of
// native code, and a library that aborts must not take it along.
import { loadTensorFlow } from '@kantor/engine'
import type { ProbeReply } from '../device.js'

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

async function probe(): Promise<ProbeReply> {
  const { tensorflow, tfjs, device } = await loadTensorFlow()
  const found = { type: 'device', tensorflow, tfjs, device } as const
  try {
    const { selfTest } = await import('./self-test.js')
    return { ...found, determinism: await selfTest(), failure: null }
  } catch (error) {
    return { ...found, determinism: null, failure: messageOf(error) }
  }
}

const reply = await probe().catch((error: unknown): ProbeReply => ({ type: 'unusable', message: messageOf(error) }))
process.send?.(reply, undefined, undefined, () => process.exit(0))
