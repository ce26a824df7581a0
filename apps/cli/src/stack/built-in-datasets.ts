import { join } from 'node:path'
import { AppError, PointLaw, type PointLawKind } from '@kantor/contracts'
import { type DatasetSource, importDataset, pointDataset } from '@kantor/datasets'
import { type Database, openDatabase, registerDataset, resolveDataset } from '@kantor/db'
import type { Env } from '@kantor/runtime'
import { datasetKey, type ObjectStore, openStore } from '@kantor/storage'

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

/** Synthetic points cost a row each: what they are drawn from. */
const points = [
  'lines',
  'two-gaussians',
  'ring-8',
  'grid-25',
  'swiss-roll',
  'minfunnels',
] as const satisfies PointLawKind[]

/** The object store that api and workers use with this environment. */
export const openObjectStore = (env: Env): Promise<ObjectStore> =>
  openStore({ ...(env.s3 && { s3: env.s3 }), directory: join(env.dataDir, 'objects') })

/** Imports the built-in datasets that the database or the object store does not have yet. */
export async function registerBuiltInDatasets({ env, databaseUrl, note }: Registration): Promise<void> {
  const db = await openDatabase(databaseUrl)
  const store = await openObjectStore(env)
  try {
    for (const kind of points) await registerDataset(db, pointDataset(kind, PointLaw.parse({ kind })))
    for (const { id, source, optional } of builtIn) {
      if (await isThere(db, store, id)) continue
      try {
        const { version, numImages } = await registerDataset(db, await importDataset({ id, source, store }))
        note(`dataset ${id}@${version}: ${numImages} images`)
      } catch (error) {
        if (!optional || !(error instanceof AppError) || error.code !== 'not-found') throw error
      }
    }
  } finally {
    await store.close()
    await db.close()
  }
}

/** The same database may have been used with another store before: both are asked. */
async function isThere(db: Database, store: ObjectStore, id: string): Promise<boolean> {
  const dataset = await resolveDataset(db, id)
  if (!dataset) return false
  return (await store.head(datasetKey(id, dataset.version, 'original', 'manifest.json'))) !== null
}
