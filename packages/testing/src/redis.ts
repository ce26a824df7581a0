import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@kantor/runtime'
import { accepts, type ChildServer, isOnPath, startServer } from './child-server.js'

export interface RedisServer {
  url: string
  /** `kill -9`, as a crash does; append-only data that was written stays. */
  kill(): Promise<void>
  /** Deletes everything in it. */
  flush(): Promise<void>
  /** Changes a setting while it runs. */
  set(setting: string, value: string): Promise<void>
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Debian's redis-server with an append-only file in a temporary folder; undefined, with a loud warning, when it is not on the PATH. */
export async function startRedis(): Promise<RedisServer | undefined> {
  if (!isOnPath('redis-server')) {
    console.warn('NOT TESTED ON REDIS: redis-server is not on the PATH (Debian: apt-get install redis-server)')
    return undefined
  }
  const directory = await mkdtemp(join(tmpdir(), 'kantor-redis-'))
  const port = await freePort()
  let server = await serve(directory, port)
  return {
    url: `redis://127.0.0.1:${port}`,
    kill: () => server.stop('SIGKILL'),
    set: (setting, value) => send(port, `CONFIG SET ${setting} ${value}`),
    flush: () => send(port, 'FLUSHALL'),
    async restart() {
      await server.stop()
      server = await serve(directory, port)
    },
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** One command as a line, which Redis takes too; rejects with what it says against it. */
async function send(port: number, command: string): Promise<void> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write(`${command}\r\n`)
  const [reply] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  if (!reply.toString().startsWith('+')) throw new Error(`redis: ${command}: ${reply.toString().trim()}`)
}

function serve(directory: string, port: number): Promise<ChildServer> {
  const settings = [
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--maxmemory-policy',
    'noeviction',
  ]
  return startServer('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, ...settings], {
    isUp: () => accepts(port),
  })
}
