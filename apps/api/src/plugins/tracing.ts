import type { OpenSpan } from '@kantor/runtime'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where requests are not traced. */
    span: OpenSpan | null
  }
}

/** Asked every few seconds by whoever watches the process: a trace of it says nothing. */
const isProbe = ({ routeOptions }: FastifyRequest) => ['/healthz', '/readyz'].includes(routeOptions.url ?? '')

/**
 * A span per request, under the caller's own when it sends a `traceparent`. Its trace is named in every line that the request logs; problems name
 * the request's id, which the span carries.
 */
export function useTracing(app: FastifyInstance, { tracing }: Pick<ApiDeps, 'tracing'>): void {
  app.decorateRequest('span', null)
  if (!tracing) return
  app.addHook('onRequest', async (request) => {
    if (isProbe(request)) return
    const { method, headers, id } = request
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    const { traceparent } = headers
    const span = tracing.start(`${method} ${route}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : undefined,
      attributes: { 'http.request.method': method, 'http.route': route, 'kantor.request_id': id },
    })
    request.span = span
    request.log = request.log.child({ traceId: span.traceId })
  })
  app.addHook('onResponse', async ({ span, caller }, { statusCode }) =>
    span?.end({
      attributes: { 'http.response.status_code': statusCode, 'kantor.actor': caller?.name },
      failure: statusCode >= 500 ? `status ${statusCode}` : undefined,
    }),
  )
}
