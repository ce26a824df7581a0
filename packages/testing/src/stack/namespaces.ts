import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { isOnPath } from '../child-server.js'

/** Machines as Linux network namespaces: each reaches a hub and nothing else, and the wire between can be pulled. */
export interface Namespaces {
  /** What runs a program on host `index`, to put before its command line. */
  enter(index: number): [command: string, ...args: string[]]
  /** Where host `index` finds what the hub serves at the Unix socket. */
  address(index: number): { host: string; port: number }
  /** The wire of host `index` is pulled: nothing arrives, and nobody is told. */
  cut(index: number): void
  mend(index: number): void
  stop(): Promise<void>
}

/** Why there can be no namespaces here; null when there can. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.getuid?.() !== 0) return 'making network namespaces takes root'
  if (!isOnPath('ip')) return '`ip` is not on the PATH (Debian: apt-get install iproute2)'
  const name = `kantor-probe-${randomBytes(3).toString('hex')}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return null
  } catch (error) {
    return `the kernel does not let us make one: ${String(error)}`
  }
}

const PORT = 5432

/**
 * `numHosts` namespaces wired to a hub namespace that hands every connection on to a Unix socket: a socket file is the one thing that
 * both sides of a namespace can see, so no address of this machine is involved.
 */
export async function startNamespaces(numHosts: number, unixSocket: string): Promise<Namespaces> {
  const tag = `k${randomBytes(2).toString('hex')}`
  const hub = `${tag}-hub`
  const host = (index: number) => `${tag}-${index}`
  const made: string[] = []
  let relay: ChildProcess | undefined
  const stop = async () => {
    if (relay && relay.exitCode === null && relay.signalCode === null) {
      relay.kill('SIGKILL')
      await once(relay, 'exit')
    }
    // The wires go with the namespaces that they end in.
    for (const name of made.splice(0)) ip('netns', 'del', name)
  }
  try {
    for (const name of [hub, ...Array.from({ length: numHosts }, (_, i) => host(i))]) {
      ip('netns', 'add', name)
      made.push(name)
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    for (let i = 0; i < numHosts; i += 1) {
      const [here, there] = [`${tag}h${i}`, `${tag}w${i}`]
      ip('link', 'add', here, 'netns', hub, 'type', 'veth', 'peer', 'name', there, 'netns', host(i))
      ip('-n', hub, 'addr', 'add', `${subnet(i)}.1/24`, 'dev', here)
      ip('-n', host(i), 'addr', 'add', `${subnet(i)}.2/24`, 'dev', there)
      ip('-n', hub, 'link', 'set', here, 'up')
      ip('-n', host(i), 'link', 'set', there, 'up')
    }
    relay = await startRelay(hub, unixSocket)
  } catch (error) {
    await stop()
    throw error
  }
  const wire = (index: number, state: 'up' | 'down') => ip('-n', hub, 'link', 'set', `${tag}h${index}`, state)
  return {
    enter: (index) => ['ip', 'netns', 'exec', host(index)],
    address: (index) => ({ host: `${subnet(index)}.1`, port: PORT }),
    cut: (index) => wire(index, 'down'),
    mend: (index) => wire(index, 'up'),
    stop,
  }
}

/** Of the block for benchmarks of networks (RFC 2544), which no real network uses. */
const subnet = (index: number) => `198.18.${index}`

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

async function startRelay(hub: string, unixSocket: string): Promise<ChildProcess> {
  const script = `
    import { createConnection, createServer } from 'node:net'
    createServer((incoming) => {
      const outgoing = createConnection(${JSON.stringify(unixSocket)})
      incoming.on('error', () => outgoing.destroy()).pipe(outgoing)
      outgoing.on('error', () => incoming.destroy()).pipe(incoming)
    }).listen(${PORT}, '0.0.0.0', () => console.log('listening'))`
  const args = ['netns', 'exec', hub, process.execPath, '--input-type=module', '-e', script]
  const relay = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(relay, 'exit').then(() => Promise.reject(new Error('the relay ended before it listened')))
  await Promise.race([once(relay.stdout, 'data'), ended])
  ended.catch(() => {})
  return relay
}
