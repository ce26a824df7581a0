import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'

export interface ConditionalWrites {
  endpoint: string
  stop(): Promise<void>
}

/** An HTTP proxy before an S3 server that ignores `If-None-Match: *` on writes (fauxqs does), which honours it. */
export async function startConditionalWrites(upstream: string): Promise<ConditionalWrites> {
  const target = new URL(upstream)
  const writing = new Map<string, Promise<void>>()

  const forward = (method: string, path: string, headers: IncomingHttpHeaders, from: IncomingMessage | null) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request({ host: target.hostname, port: target.port, method, path, headers }, resolve)
      outgoing.once('error', reject)
      if (from) from.pipe(outgoing)
      else outgoing.end()
    })
  const relay = async (incoming: IncomingMessage, response: ServerResponse) => {
    const answer = await forward(incoming.method ?? 'GET', incoming.url ?? '/', incoming.headers, incoming)
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    await new Promise<void>((resolve) => {
      response.once('close', resolve)
      answer.pipe(response)
    })
  }
  const createOnly = async (incoming: IncomingMessage, response: ServerResponse) => {
    const path = (incoming.url ?? '/').replace(/\?.*/, '')
    const found = await forward('HEAD', path, { host: target.host }, null)
    found.resume()
    if (found.statusCode !== 200) return relay(incoming, response)
    incoming.resume()
    await new Promise((resolve) => incoming.once('end', resolve))
    response.writeHead(412, { 'content-type': 'application/xml' })
    response.end('<Error><Code>PreconditionFailed</Code><Message>the object exists</Message></Error>')
  }

  const server = createServer((incoming, response) => {
    const path = (incoming.url ?? '/').replace(/\?.*/, '')
    const conditional = incoming.method === 'PUT' && incoming.headers['if-none-match'] === '*'
    const before = conditional ? (writing.get(path) ?? Promise.resolve()) : Promise.resolve()
    const done = before
      .then(() => (conditional ? createOnly(incoming, response) : relay(incoming, response)))
      .catch(() => void response.destroy())
    if (conditional) writing.set(path, done)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
