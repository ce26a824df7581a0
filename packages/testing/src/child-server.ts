import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ChildServer {
  readonly pid: number
  /** Sends `signal` (SIGTERM by default) and resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Whether `command` is on the PATH. */
export function isOnPath(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' }).status === 0
}

/** Starts a server process and resolves when `isUp` holds; rejects with its last output when it ends before that. */
export async function startServer(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; isUp: () => Promise<boolean> },
): Promise<ChildServer> {
  const child = spawn(command, args, { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  // A harness that is interrupted must not leave it behind.
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  child.once('exit', () => process.removeListener('exit', killAtExit))
  let output = ''
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      output += error.message
      resolve()
    })
  })
  const deadline = performance.now() + 60_000
  while (!(await options.isUp())) {
    if (hasEnded(child)) throw new Error(`${command} ended before it served: ${output}`)
    if (performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${command} did not serve within 60 s: ${output}`)
    }
    await sleep(20)
  }
  // A test file that was torn down early must not keep its runner alive.
  child.unref()
  return {
    pid: child.pid ?? -1,
    async stop(signal = 'SIGTERM') {
      if (hasEnded(child)) return
      child.ref()
      child.kill(signal)
      const hard = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(hard)
    },
  }
}

const hasEnded = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

/** Whether something accepts TCP connections on this loopback port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
