// The importing process: the only part of the API that decodes what strangers made. It has no secrets, no network and no store; `sandbox.ts`
// says what it can reach.
import { AppError } from '@kantor/contracts'
import { fetchedSource, spoolDataset } from '@kantor/datasets'
import { whenParentIsGone } from '@kantor/runtime'
import type { FromImport, StartImport } from './protocol.js'

const TELL_MS = 500

whenParentIsGone(() => process.exit(1))
process.once('message', (start) => void run(start as StartImport))

async function run({ source: fetched, format, channels, scratch }: StartImport): Promise<void> {
  let told = performance.now()
  const onProgress = (numImages: number) => {
    if (performance.now() - told < TELL_MS) return
    told = performance.now()
    void tell({ type: 'progress', numImages })
  }
  try {
    const source = await fetchedSource(fetched, { format, channels })
    await tell({ type: 'done', spooled: await spoolDataset({ source, directory: scratch, onProgress }) })
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error
    await tell({ type: 'refused', code: error.code, detail: error.detail })
  } finally {
    process.disconnect()
  }
}

/** Until it is written: a preview is more than a socket holds, and what is left of it is lost when the socket closes. */
const tell = (message: FromImport) =>
  new Promise<void>((resolve) => process.send?.(message, undefined, {}, () => resolve()))
