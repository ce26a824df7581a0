import { type Route, type RouteName, type Routes, routes, Problem } from '@kantor/contracts'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { z } from 'zod'

type Output<T> = T extends z.ZodType ? z.output<T> : never
type Part<R, K extends string> = R extends Record<K, infer S> ? Output<S> : undefined

/** What a handler gets: the parts of the request as the route's schemas made them. */
interface Call<N extends RouteName> {
  params: Part<Routes[N], 'params'>
  query: Part<Routes[N], 'query'>
  body: Part<Routes[N], 'body'>
  /** Who asks. */
  actor: string
  /** The key of who asks; null without keys. */
  keyId: string | null
  request: FastifyRequest
  reply: FastifyReply
}

/** Answers what the table says; or the reply itself when it has been sent (a 304, a stream of bytes). */
export type Handler<N extends RouteName> = (call: Call<N>) => Promise<Output<Routes[N]['reply']> | FastifyReply>

const NoQuery = z.strictObject({})
/** `POST /jobs/:id/cancel` takes no body, or an empty object. */
const NoBody = z.strictObject({}).nullish()

/** Method, path, scope and schemas of a route come from the contracts' table; only the handler is written here. */
export function register<N extends RouteName>(
  app: FastifyInstance,
  name: N,
  handler: Handler<N>,
  options: RouteShorthandOptions = {},
): void {
  const route: Route = routes[name]
  app.route({
    ...options,
    method: route.method,
    url: route.path,
    config: { scope: route.scope, expectsBody: route.body !== undefined },
    schema: schemaOf(name, route),
    handler: async (request, reply) => {
      reply.code(route.status)
      return handler({
        params: request.params as Call<N>['params'],
        query: request.query as Call<N>['query'],
        body: request.body as Call<N>['body'],
        actor: request.actor ?? 'anyone',
        keyId: request.keyId,
        request,
        reply,
      })
    },
  })
}

function schemaOf(name: RouteName, route: Route) {
  const { reply } = route
  const success =
    typeof reply === 'string'
      ? { description: 'The bytes; x-kantor-sha256 holds their hash', content: { [reply]: { schema: z.unknown() } } }
      : reply
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.path.split('/')[1] ?? ''],
    ...(route.scope === 'public' ? { security: [] } : { description: `Needs a key of scope \`${route.scope}\`.` }),
    ...(route.params && { params: route.params }),
    querystring: route.query ?? NoQuery,
    ...(route.method === 'POST' && { body: route.body ?? NoBody }),
    response: { [route.status]: success, default: Problem },
  }
}
