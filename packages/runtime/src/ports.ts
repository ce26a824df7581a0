import { createServer } from 'node:net'

/** A free TCP port on loopback: `preferred` when it is free. Another process may take it before the caller does. */
export async function freePort(preferred = 0): Promise<number> {
  const port = await listenOnce(preferred)
  return port ?? (await listenOnce(0)) ?? Promise.reject(new Error('no free TCP port on 127.0.0.1'))
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(null) : reject(error),
    )
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })
}
