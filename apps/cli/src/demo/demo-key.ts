import { createKey, hasKeys, openDatabase, revokeKey } from '@kantor/db'

const DAY_MS = 86_400_000

/** Runs `use` with a key for the demo's own requests: the one given, a temporary one where keys are in force, else none. */
export async function withDemoKey<T>(
  databaseUrl: string,
  given: string | undefined,
  use: (apiKey: string | undefined) => Promise<T>,
): Promise<T> {
  if (given !== undefined) return use(given)
  const db = await openDatabase(databaseUrl, { maxConnections: 2 })
  try {
    if (!(await hasKeys(db))) return await use(undefined)
    const { id, key } = await createKey(db, {
      name: 'demo (temporary)',
      scope: 'submit',
      expiresAt: new Date(Date.now() + DAY_MS),
    })
    try {
      return await use(key)
    } finally {
      await revokeKey(db, id)
    }
  } finally {
    await db.close()
  }
}
