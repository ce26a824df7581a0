import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/**
 * What an S3 server may do wrong: answer every request with an error, think for seconds, break the connection in the middle
 * of a body, or damage one bit of a body on its way in or out.
 */
export type S3Fault =
  | { kind: 'status'; code: 500 | 503 }
  | { kind: 'slow'; seconds: number }
  | { kind: 'reset' }
  | { kind: 'flip'; way: 'in' | 'out' }

export interface S3Faults {
  endpoint: string
  /** From here on; null: as the server behind it does. */
  commit(fault: S3Fault | null): void
  /** Requests that the present fault has met. */
  readonly met: number
  stop(): Promise<void>
}

/** An HTTP proxy before an S3 server. Bodies pass through its memory: checkpoints of tests are small. */
export async function startS3Faults(upstream: string): Promise<S3Faults> {
  const target = new URL(upstream)
  let fault: S3Fault | null = null
  let met = 0

  const forward = (incoming: IncomingMessage, body: Buffer) =>
    new Promise<{ answer: IncomingMessage; body: Buffer }>((resolve, reject) => {
      const { method, url: path, headers } = incoming
      const outgoing = request({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
        read(answer).then((answered) => resolve({ answer, body: answered }), reject)
      })
      outgoing.once('error', reject)
      outgoing.end(body)
    })

  const relay = async (incoming: IncomingMessage, response: ServerResponse) => {
    const present = fault
    const isObject = /\/(checkpoints|samples)\//.test(incoming.url ?? '')
    if (present?.kind === 'status') {
      met += 1
      incoming.resume()
      const code = present.code === 503 ? 'SlowDown' : 'InternalError'
      response.writeHead(present.code, { 'content-type': 'application/xml' })
      return response.end(`<Error><Code>${code}</Code><Message>injected</Message></Error>`)
    }
    if (present?.kind === 'slow') {
      met += 1
      await new Promise((resolve) => setTimeout(resolve, present.seconds * 1000).unref())
    }
    if (present?.kind === 'reset' && incoming.method === 'PUT') {
      met += 1
      incoming.once('data', () => incoming.socket.destroy())
      return
    }
    let sent = await read(incoming)
    const damages = (way: 'in' | 'out') => present?.kind === 'flip' && present.way === way && isObject
    if (damages('in') && incoming.method === 'PUT') {
      met += 1
      sent = flipped(sent)
    }
    const { answer, body } = await forward(incoming, sent)
    const isBody = incoming.method === 'GET' && answer.statusCode === 200
    if (damages('out') && isBody) met += 1
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    if (present?.kind === 'reset' && isBody) {
      met += 1
      response.write(body.subarray(0, body.length / 2), () => response.destroy())
      return
    }
    response.end(damages('out') && isBody ? flipped(body) : body)
  }

  const server = createServer((incoming, response) => {
    relay(incoming, response).catch(() => void response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    commit(next) {
      fault = next
      met = 0
    },
    get met() {
      return met
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** One bit, in the middle. */
function flipped(bytes: Buffer): Buffer {
  const damaged = Buffer.from(bytes)
  const middle = damaged.length >> 1
  if (damaged.length > 0) damaged[middle] = (damaged[middle] as number) ^ 1
  return damaged
}
