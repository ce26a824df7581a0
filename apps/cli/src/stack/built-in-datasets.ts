import { join } from 'node:path'
import { AppError } from '@kantor/contracts'
import { type DatasetSource, importDataset } from '@kantor/datasets'
import { type Database, openDatabase, registerDataset, resolveDataset } from '@kantor/db'
import type { Env } from '@kantor/runtime'
import { openStore } from '@kantor/storage'

interface Registration {
  env: Env
  databaseUrl: string
  note: (line: string) => void
}

/** Datasets that need no download of ours. Fashion-MNIST is there only where Debian's package is. */
const builtIn: { id: string; source: DatasetSource; optional: boolean }[] = [
  { id: 'mnist', source: { kind: 'mnist' }, optional: false },
  { id: 'fashion-mnist', source: { kind: 'fashion-mnist' }, optional: true },
]

/** Imports the built-in datasets that the database does not know yet. */
export async function registerBuiltInDatasets({ env, databaseUrl, note }: Registration): Promise<void> {
  const db = await openDatabase(databaseUrl)
  try {
    for (const dataset of builtIn) {
      if (await resolveDataset(db, dataset.id)) continue
      await importInto(db, env, dataset, note)
    }
  } finally {
    await db.close()
  }
}

async function importInto(
  db: Database,
  env: Env,
  { id, source, optional }: (typeof builtIn)[number],
  note: (line: string) => void,
): Promise<void> {
  const store = await openObjectStore(env)
  try {
    const dataset = await importDataset({ id, source, store })
    await registerDataset(db, dataset)
    note(`dataset ${id}@${dataset.version}: ${dataset.numImages} images`)
  } catch (error) {
    if (!optional || !(error instanceof AppError) || error.code !== 'not-found') throw error
  } finally {
    await store.close()
  }
}

/** The object store that api and workers use with this environment. */
export const openObjectStore = (env: Env) =>
  openStore({ ...(env.s3 && { s3: env.s3 }), directory: join(env.dataDir, 'objects') })
