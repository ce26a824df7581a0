// Loaded by `openTracing` only when traces are wanted: the SDK takes a tenth of a second and 20 MB.
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { OpenSpan, Tracing } from './tracing.js'

const kinds = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER } as const

/** Sends spans to `endpoint`/v1/traces in batches. Where nobody takes them they are dropped: tracing never holds anything up. */
export function startTracing(service: string, endpoint: string): Tracing {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.namespace': 'kantor',
      'process.pid': process.pid,
    }),
    // Headers, time limits and compression are the SDK's own variables (OTEL_EXPORTER_OTLP_…).
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })),
    ],
  })
  const tracer = provider.getTracer('kantor')
  return {
    start(name, { kind, parent, attributes = {} }) {
      const under = parentContext(parent)
      return describe(tracer.startSpan(name, { kind: kinds[kind], attributes }, under))
    },
    close: () => provider.shutdown().catch(() => {}),
  }
}

/** A root without a parent, or with one that is not as W3C Trace Context writes it. */
function parentContext(parent: string | null | undefined) {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(parent ?? '') ?? []
  const given = {
    traceId: traceId ?? '',
    spanId: spanId ?? '',
    traceFlags: Number.parseInt(flags ?? '0', 16),
    isRemote: true,
  }
  return trace.isSpanContextValid(given) ? trace.setSpanContext(context.active(), given) : context.active()
}

function describe(span: Span): OpenSpan {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return {
    traceId,
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
    end({ attributes, failure } = {}) {
      if (attributes) span.setAttributes(attributes)
      if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
      span.end()
    },
  }
}
