import type { Env } from './env.js'

/** Plain values; what is undefined is left out. */
type SpanAttributes = Record<string, string | number | boolean | undefined>

interface StartSpan {
  /** `server` answers a request; a `producer` writes what a `consumer`, perhaps another process, takes up later. */
  kind: 'server' | 'producer' | 'consumer'
  /** The `traceparent` (W3C Trace Context) of what led here; anything else begins a trace of its own. */
  parent?: string | null | undefined
  attributes?: SpanAttributes
}

export interface OpenSpan {
  readonly traceId: string
  /** For whatever goes on elsewhere under this span. */
  readonly traceparent: string
  /** Once. `failure` says why it is to be found among the failed ones. */
  end(how?: { attributes?: SpanAttributes; failure?: string | undefined }): void
}

export interface Tracing {
  start(name: string, options: StartSpan): OpenSpan
  /** Sends what waits, for a few seconds at most. */
  close(): Promise<void>
}

/** Undefined without OTEL_EXPORTER_OTLP_ENDPOINT: then nothing is loaded and nothing is recorded. */
export async function openTracing({ tracesTo }: Pick<Env, 'tracesTo'>, service: string): Promise<Tracing | undefined> {
  if (tracesTo === undefined) return undefined
  const { startTracing } = await import('./otlp-tracing.js')
  return startTracing(service, tracesTo)
}
