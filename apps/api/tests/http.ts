import { request as httpRequest } from 'node:http'

export interface Ask {
  /** Default GET. */
  method?: string
  /** Sent as it is: no normalisation of dots or escapes. */
  url: string
  headers?: Record<string, string>
  /** Text and bytes are sent as they are, anything else as JSON with its content type. */
  payload?: unknown
}

export interface Answer {
  statusCode: number
  headers: Record<string, string | undefined>
  bytes: Buffer
  body: string
  json(): unknown
}

/** One request over a socket of its own, with any Host header and any body. */
export function ask(
  port: number,
  { method = 'GET', url, headers = {}, payload }: Ask,
  host = '127.0.0.1',
): Promise<Answer> {
  const isRaw = typeof payload === 'string' || Buffer.isBuffer(payload)
  const body = payload === undefined || isRaw ? payload : JSON.stringify(payload)
  const type = payload !== undefined && !isRaw ? { 'content-type': 'application/json' } : {}
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host,
        port,
        method,
        path: url,
        agent: false,
        headers: { ...type, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const bytes = Buffer.concat(chunks)
          resolve({
            statusCode: response.statusCode ?? 0,
            headers: response.headers as Answer['headers'],
            bytes,
            body: bytes.toString(),
            json: () => JSON.parse(bytes.toString()) as unknown,
          })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
