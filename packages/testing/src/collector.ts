import { createServer } from 'node:http'

interface CollectedSpan {
  service: string
  name: string
  traceId: string
  spanId: string
  /** Empty for the root of a trace. */
  parentSpanId: string
  attributes: Record<string, unknown>
  failed: boolean
}

export interface Collector {
  endpoint: string
  readonly spans: readonly CollectedSpan[]
  /** Everything that was sent, as it was sent. */
  readonly received: string
  stop(): Promise<void>
}

interface Attribute {
  key: string
  value: Record<string, unknown>
}
interface Exported {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: {
      spans: (Pick<CollectedSpan, 'name' | 'traceId' | 'spanId'> & {
        parentSpanId?: string
        attributes: Attribute[]
        status: { code?: number }
      })[]
    }[]
  }[]
}

const ERROR = 2

/** What OpenTelemetry's own collector takes: traces as JSON over OTLP/HTTP, on loopback. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  let received = ''
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.method !== 'POST' || request.url !== '/v1/traces') return response.writeHead(404).end()
      const text = Buffer.concat(chunks).toString()
      received += `${JSON.stringify(request.headers)}\n${text}\n`
      spans.push(...spansIn(JSON.parse(text) as Exported))
      return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    spans,
    get received() {
      return received
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const spansIn = ({ resourceSpans }: Exported): CollectedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap((scope) => scope.spans)
      .map(({ name, traceId, spanId, parentSpanId = '', attributes, status }) => ({
        service: String(valuesOf(resource.attributes)['service.name']),
        name,
        traceId,
        spanId,
        parentSpanId,
        attributes: valuesOf(attributes),
        failed: status.code === ERROR,
      })),
  )

const valuesOf = (attributes: Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
