import { join } from 'node:path'
import { migrate } from '@kantor/db'
import { type EmbeddedPostgres, type Env, startPostgres } from '@kantor/runtime'
import { Failure } from '../failure.js'
import { registerBuiltInDatasets } from './built-in-datasets.js'
import { claimDataDir, removeStackFile, type StackFile, writeStackFile } from './stack-file.js'
import { startProcesses, type Undo } from './start-processes.js'
import type { Supervised } from './supervised.js'

export interface StackOptions {
  /** Worker processes; default 1. */
  workers?: number
  /** What a person should see; default silent. */
  note?: (line: string) => void
  /** Gives up a start between two of its steps, and takes down what it had started. */
  signal?: AbortSignal
}

export interface Stack {
  /** Base address of the API and, under /ui/, of the dashboard. */
  readonly url: string
  readonly databaseUrl: string
  /** Empty when TensorFlow is missing. */
  readonly workers: readonly Supervised[]
  readonly logDirectory: string
  /** Workers first (they checkpoint and hand their jobs back), then the API, then Postgres. */
  stop(): Promise<void>
  /** For a second Ctrl-C: no checkpoint, no farewell; Postgres is still stopped. */
  kill(): Promise<void>
}

/** Starts Postgres (unless DATABASE_URL names one), the API and the workers, and resolves when all of them are ready. */
export async function startStack(env: Env, options: StackOptions = {}): Promise<Stack> {
  const note = options.note ?? (() => {})
  const file = await claimDataDir(env.dataDir)
  // One write at a time, and none after the removal.
  let written = Promise.resolve()
  const save = () => {
    // Only a convenience for other commands: a full disk must not take the stack down.
    written = written
      .then(() => writeStackFile(env.dataDir, file))
      .catch((error: unknown) => note(`stack.json could not be written: ${String(error)}`))
  }
  const undo: Undo = [() => written.then(() => removeStackFile(env.dataDir))]
  const unwind = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    const databaseUrl = env.databaseUrl ?? (await embedded(env, file, undo, note))
    options.signal?.throwIfAborted()
    await migrate(databaseUrl)
    await registerBuiltInDatasets({ env, databaseUrl, note })
    options.signal?.throwIfAborted()
    const parts = await startProcesses({ env, databaseUrl, numWorkers: options.workers ?? 1, file, save, note, undo })
    // Whoever reads our URL may look for the file.
    await written
    options.signal?.throwIfAborted()
    let stopped: Promise<void> | undefined
    return {
      ...parts,
      databaseUrl,
      stop: () => (stopped ??= unwind()),
      async kill() {
        for (const process of parts.all) process.kill()
        await (stopped ??= unwind())
      },
    }
  } catch (error) {
    await unwind()
    throw error
  }
}

async function embedded(env: Env, file: StackFile, undo: Undo, note: (line: string) => void): Promise<string> {
  const postgres: EmbeddedPostgres = await startPostgres({ directory: join(env.dataDir, 'postgres'), log: note }).catch(
    (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      throw new Failure('failed', `the embedded Postgres did not start: ${why}`, {
        remedy: 'set DATABASE_URL to a Postgres of your own, or run `kantor doctor`',
        cause: error,
      })
    },
  )
  let stopping = false
  undo.push(() => {
    stopping = true
    return postgres.stop()
  })
  const sayThatItDied = () =>
    stopping || note('Postgres ended unexpectedly: jobs wait until this stack is stopped and started again')
  void postgres.exited.then(sayThatItDied)
  file.pids.postgres = postgres.pid
  file.databaseUrl = postgres.url
  return postgres.url
}
