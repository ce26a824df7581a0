import {
  IdempotencyKey,
  IfMatch,
  type Route,
  type RouteName,
  type Routes,
  routes,
  Problem,
  StreamEvent,
} from '@kantor/contracts'
import type { Database } from '@kantor/db'
import { crashpoint } from '@kantor/runtime'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { z } from 'zod'
import type { ApiDeps } from './deps.js'
import type { DeviceLimits } from './device-limit.js'
import { idempotencyKeyOf, replyOnce } from './idempotency.js'
import type { Submitter } from './resolve-jobs.js'
import { type SpooledUpload, withSpooled } from './spool.js'

declare module 'fastify' {
  interface FastifyInstance {
    deps: ApiDeps
    deviceLimits: () => Promise<DeviceLimits>
  }
}

type Output<T> = T extends z.ZodType ? z.output<T> : never
type Part<R, K extends string> = R extends Record<K, infer S> ? Output<S> : undefined

/** What a handler gets: the parts of the request as the route's schemas made them. */
interface Call<N extends RouteName> {
  params: Part<Routes[N], 'params'>
  query: Part<Routes[N], 'query'>
  body: Part<Routes[N], 'body'>
  /** The body of a route that takes a file. */
  upload: Routes[N] extends { upload: string } ? SpooledUpload : undefined
  /** For all that the handler writes: under an Idempotency-Key it commits together with the reply. */
  db: Database
  /** Put off until all that is committed, perhaps until after the reply; not done when it is not. */
  afterwards: (work: () => Promise<void>) => void
  /** Who asks. */
  actor: string
  /** The key of who asks; null without keys. */
  keyId: string | null
  /** All that a submission needs to know of who asks. */
  by: Submitter
  request: FastifyRequest
  reply: FastifyReply
}

type DryRun<N extends RouteName> = Routes[N] extends { dryRun: { reply: infer R } } ? Output<R> : never

/** Answers what the table says; or the reply itself when it has been sent (a 304, a stream of bytes). */
export type Handler<N extends RouteName> = (
  call: Call<N>,
) => Promise<Output<Routes[N]['reply']> | DryRun<N> | FastifyReply>

const NoQuery = z.strictObject({})
/** Any other header is nobody's business here. */
const ChangeHeaders = z.looseObject({ 'idempotency-key': IdempotencyKey.optional() })
const PatchHeaders = ChangeHeaders.extend({ 'if-match': IfMatch.optional() })
/** `POST /jobs/:id/cancel` takes no body, or an empty object; so does a route whose body has defaults for everything. */
const NoBody = z.strictObject({}).nullish()

const Bytes = z.unknown().describe('The file')

/** Method, path, scope and schemas of a route come from the contracts' table; only the handler is written here. */
export function register<N extends RouteName>(
  app: FastifyInstance,
  name: N,
  handler: Handler<N>,
  options: RouteShorthandOptions = {},
): void {
  const route: Route = routes[name]
  const { db, wake, spoolDirectory, importMebibytes } = app.deps
  const { bodyLimit } = route
  app.route({
    ...options,
    method: route.method,
    url: route.path,
    config: {
      scope: route.scope,
      expectsBody: route.upload !== undefined || (route.body !== undefined && !route.body.safeParse({}).success),
      upload: route.upload,
      ...(bodyLimit && { maxKeys: bodyLimit.keys }),
    },
    ...(bodyLimit && { bodyLimit: bodyLimit.mebibytes * 2 ** 20 }),
    schema: schemaOf(name, route),
    handler: async (request, reply) => {
      const dryRun = isDryRun(name, request.query) ? route.dryRun : undefined
      reply.code(dryRun?.status ?? route.status)
      if (route.upload === undefined) return answer(request, reply, { leavesTrace: dryRun === undefined })
      return withSpooled(request, { spoolDirectory, maxMebibytes: importMebibytes }, (upload) =>
        answer(request, reply, { upload, leavesTrace: true }),
      )
    },
  })

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { upload, leavesTrace }: { upload?: SpooledUpload; leavesTrace: boolean },
  ) {
    const put: (() => Promise<void>)[] = []
    const who = {
      traceparent: request.span?.traceparent,
      actor: request.caller?.name ?? 'anyone',
      keyId: request.caller?.keyId ?? null,
      quotas: request.caller?.quotas ?? null,
      limits: app.deviceLimits,
    }
    const handle = (on: Database) =>
      handler({
        db: on,
        afterwards: (work) => void put.push(work),
        params: request.params as Call<N>['params'],
        query: request.query as Call<N>['query'],
        body: request.body as Call<N>['body'],
        upload: upload as Call<N>['upload'],
        actor: who.actor,
        keyId: who.keyId,
        by: who,
        request,
        reply,
      })
    if (route.method === 'GET' || !leavesTrace) return handle(db)
    const key = idempotencyKeyOf(request)
    const answered =
      key === undefined
        ? await answerPlainly(() => handle(db))
        : await replyOnce(db, { name, key, request, reply, shownOnce: route.shownOnce }, handle)
    for (const work of put) await work()
    // Whatever was changed: a job may wait now, or a slot be free.
    wake()
    return answered
  }
}

/** Whether a request asks only what would come of it: such a one leaves nothing behind. */
export const isDryRun = (name: string, query: unknown): boolean =>
  'dryRun' in (routes[name as RouteName] ?? {}) && (query as { dryRun?: unknown } | undefined)?.dryRun === 'true'

async function answerPlainly<T>(handle: () => Promise<T>): Promise<T> {
  crashpoint('submit-before-commit')
  const answer = await handle()
  crashpoint('submit-after-commit')
  return answer
}

const bytes = {
  description: 'The bytes; x-kantor-sha256 holds their hash where they were made before',
  schema: z.unknown(),
}
/** Replies that are not JSON. */
const streamed = {
  'image/png': bytes,
  'application/octet-stream': bytes,
  'application/zip': bytes,
  'text/event-stream': {
    description: 'Events, each as `id`, `event` and a line of JSON as `data`',
    schema: StreamEvent,
  },
}

function mediaOf(type: keyof typeof streamed) {
  const { description, schema } = streamed[type]
  return { description, content: { [type]: { schema } } }
}

/** What a route takes and gives, for validation and for OpenAPI. */
export function schemaOf(name: RouteName, route: Route) {
  const { reply } = route
  const success = typeof reply === 'string' ? mediaOf(reply) : inOtherForms(reply, route.replyAlso)
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.path.split('/')[1] ?? ''],
    ...(route.scope === 'public' ? { security: [] } : { description: `Needs a key of scope \`${route.scope}\`.` }),
    ...(route.params && { params: route.params }),
    querystring: route.query ?? NoQuery,
    ...(route.method !== 'GET' && {
      headers: route.ifMatch ? PatchHeaders : ChangeHeaders,
      body: route.upload === undefined ? (route.body ?? NoBody) : Bytes,
      ...(route.upload !== undefined && { consumes: [route.upload] }),
    }),
    response: {
      [route.status]: success,
      ...(route.dryRun && { [route.dryRun.status]: route.dryRun.reply }),
      default: Problem,
    },
  }
}

const inOtherForms = (reply: z.ZodType, others: Route['replyAlso']) =>
  others === undefined
    ? reply
    : {
        description: 'In the form that `format` asks for',
        content: {
          'application/json': { schema: reply },
          ...Object.fromEntries(others.map((type) => [type, { schema: z.string() }])),
        },
      }
