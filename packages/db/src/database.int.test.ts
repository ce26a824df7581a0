import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { startPostgres } from '@kantor/runtime'
import { joinedTransaction, listDatasets, migrate, openDatabase } from './index.js'

// The farewell may come in the packet that frees a connection for the next who waits for one.
test('a server that is shut down under load fails transactions and ends no process', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kantor-shutdown-'))
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', onUncaught)
  for (let round = 0; round < 5; round++) {
    const server = await startPostgres({ directory, settings: { fsync: 'off' } })
    await migrate(server.url)
    const db = await openDatabase(server.url)
    const down = new AbortController()
    const seen = { done: 0 }
    // A statement by itself frees its connection while the packet is read; a transaction may be the next who gets it.
    const works = [() => listDatasets(db), () => joinedTransaction(db, (tx) => listDatasets(tx))]
    const client = async (index: number) => {
      while (!down.signal.aborted) {
        try {
          await works[index % 2]!()
          seen.done += 1
        } catch {
          down.abort()
        }
      }
    }
    const clients = Array.from({ length: 32 }, (_, index) => client(index))
    while (seen.done < 500) await new Promise((resolve) => setTimeout(resolve, 5))
    process.kill(server.pid, 'SIGINT')
    await Promise.all(clients)
    await db.close()
    await server.exited
    await server.stop()
  }
  process.off('uncaughtException', onUncaught)
  await rm(directory, { recursive: true, force: true })

  expect(uncaught).toEqual([])
})
