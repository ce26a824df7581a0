import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EmbeddedPostgres, freePort, startPostgres } from '@kantor/runtime'
import { childrenOf } from './service-process.js'

/** A Postgres that can be killed and comes back on its port with its data. */
export interface PostgresServer {
  readonly url: string
  readonly port: number
  /** The same server for processes on other hosts of a test. */
  readonly unixSocket: string
  /** `kill -9` of the whole server, as a lost machine does it. */
  kill(): Promise<void>
  restart(): Promise<void>
  /** SIGSTOP or SIGCONT of the whole server: connections stay and nobody answers. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  stop(): Promise<void>
}

/** A commit has left the process when it is acknowledged, so a kill loses none; only the machine's own fall would. */
const quick = { fsync: 'off', synchronous_commit: 'on', full_page_writes: 'off', shared_buffers: '32MB' }

/** `durable`: with the settings of production instead. */
export async function startPostgresServer(
  directory: string,
  { durable = false }: { durable?: boolean | undefined } = {},
): Promise<PostgresServer> {
  const port = await freePort()
  const sockets = await mkdtemp(join(tmpdir(), 'kantor-pg-'))
  // The server may run as another user.
  await chmod(sockets, 0o1777)
  const start = () =>
    startPostgres({ directory, port, settings: { ...(durable ? {} : quick), unix_socket_directories: sockets } })
  let server: EmbeddedPostgres = await start()
  const whole = () => [server.pid, ...childrenOf(server.pid)]
  return {
    get url() {
      return server.url
    },
    port,
    unixSocket: join(sockets, `.s.PGSQL.${port}`),
    async kill() {
      for (const pid of whole()) sendTo(pid, 'SIGKILL')
      await server.exited
      await server.stop()
    },
    async restart() {
      for (;;) {
        try {
          server = await start()
          return
        } catch (error) {
          // The kernel may still be clearing the shared memory of the one that was killed.
          if (!String(error).includes('shared memory')) throw error
        }
        await sleep(100)
      }
    },
    signal(signal) {
      for (const pid of whole()) sendTo(pid, signal)
    },
    async stop() {
      await server.stop()
      await rm(sockets, { recursive: true, force: true })
    },
  }
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // A backend may have ended meanwhile.
  }
}
