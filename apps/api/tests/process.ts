import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repoRoot } from '@kantor/runtime'

const script = join(repoRoot(), 'apps/api/dist/server.js')

export interface ApiProcess {
  child: ChildProcess
  /** What it wrote to stderr so far. */
  log(): string
  /** Its exit code; null when a signal ended it. */
  exited: Promise<number | null>
}

/** A real API process from `dist` on a free port. `env` names its services. */
export function launchApi(env: Record<string, string>): ApiProcess {
  const child = fork(script, [], {
    env: { PATH: process.env['PATH'], KANTOR_PORT: '0', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let log = ''
  child.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()))
  // Not `close`: it does not come after a disconnect.
  const exited = Promise.all([once(child, 'exit'), once(child.stderr!, 'end')]).then(
    ([[code]]) => code as number | null,
  )
  return { child, log: () => log, exited }
}

/** The port that it listens on, as soon as it does. */
export async function listening(api: ApiProcess): Promise<number> {
  const { child, exited } = api
  const message = once(child, 'message').then(([sent]) => sent as { type: string; url: string })
  const ended = exited.then((code) => Promise.reject(new Error(`exit ${code}:\n${api.log()}`)))
  const { type, url } = await Promise.race([message, ended])
  if (type !== 'listening') throw new Error(`it said ${type}`)
  return Number(new URL(url).port)
}

/** The port of metrics and bull-board, once it listens; started with KANTOR_ADMIN_PORT=0. */
export const adminPortOf = (api: ApiProcess): number => Number(/"adminUrl":"http:\/\/[^"]*:(\d+)"/.exec(api.log())?.[1])
