import { createConnection, createServer, type Server, type Socket } from 'node:net'

export interface Proxy {
  /** On 127.0.0.1. */
  port: number
  /** Breaks every connection and refuses new ones, as a server that died does. */
  cut(): Promise<void>
  /** Connections stay and nothing arrives any more, on either side: a pulled wire, of which nobody is told. */
  stall(): void
  /** Serves again on the same port. */
  mend(): Promise<void>
  stop(): Promise<void>
}

/** A TCP proxy before a loopback port, for outages that leave the server's data alone. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let port = 0
  let stalled = false

  const stall = () => {
    stalled = true
    for (const socket of sockets) socket.pause()
  }
  const mend = async () => {
    stalled = false
    for (const socket of sockets) socket.resume()
    if (server) return
    server = createServer((incoming) => {
      const outgoing = createConnection({ port: targetPort, host: '127.0.0.1' })
      for (const [socket, other] of [
        [incoming, outgoing],
        [outgoing, incoming],
      ] as const) {
        sockets.add(socket)
        socket.setNoDelay(true)
        socket.on('error', () => other.destroy())
        socket.on('close', () => {
          sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
        // Accepted by the system and never answered.
        if (stalled) socket.pause()
      }
    })
    port = await listen(server, port)
  }
  const cut = async () => {
    const old = server
    server = undefined
    const closed = old && new Promise((resolve) => old.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }

  await mend()
  return { port, cut, stall, mend, stop: cut }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}

/** The same URL with another port. */
export function throughProxy(url: string, proxy: Proxy): string {
  const changed = new URL(url)
  changed.port = String(proxy.port)
  return changed.toString()
}
