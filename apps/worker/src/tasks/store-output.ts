import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { outputKey } from '@kantor/storage'
import { outlast } from '../patience.js'
import type { TaskWork } from './registry.js'

type Making = Pick<TaskWork, 'checkpoint' | 'store' | 'signal' | 'log'> & { task: { id: string } }

/** Puts the file that a task made into the store. `output` is its key, the rest belongs to the result. */
export async function storeOutput({ task, checkpoint, store, signal, log }: Making, file: string, contentType: string) {
  const { size: sizeBytes } = await stat(file)
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  const sha256 = hash.digest('hex')
  const output = outputKey(checkpoint.jobId, task.id, sha256)
  await outlast('upload', () => store.put(output, { file }, { contentType, sha256 }), { signal, log })
  return { output, sizeBytes, sha256, url: `/tasks/${task.id}/output` }
}
