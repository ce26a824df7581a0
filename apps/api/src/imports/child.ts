// The importing process: the only part of the API that decodes what strangers made. It knows the object store and no database.
import { join } from 'node:path'
import { AppError } from '@kantor/contracts'
import { importDataset, sourceAt } from '@kantor/datasets'
import { loadEnv, whenParentIsGone } from '@kantor/runtime'
import { openStore } from '@kantor/storage'
import type { FromImport, StartImport } from './protocol.js'

const TELL_MS = 500

whenParentIsGone(() => process.exit(1))
process.once('message', (start) => void run(start as StartImport))

async function run({ datasetId, path, format, channels, scratch }: StartImport): Promise<void> {
  const env = loadEnv()
  const store = await openStore({ directory: join(env.dataDir, 'objects'), s3: env.s3 })
  let told = performance.now()
  const onProgress = (numImages: number) => {
    if (performance.now() - told < TELL_MS) return
    told = performance.now()
    tell({ type: 'progress', numImages })
  }
  try {
    const source = await sourceAt(path, { format, channels })
    tell({
      type: 'done',
      dataset: await importDataset({ id: datasetId, source, store, scratchDir: scratch, onProgress }),
    })
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error
    tell({ type: 'refused', code: error.code, detail: error.detail })
  } finally {
    await store.close()
    process.disconnect()
  }
}

const tell = (message: FromImport): void => void process.send?.(message)
