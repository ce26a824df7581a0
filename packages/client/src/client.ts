import { type Route, type RouteName, type Routes, routes, type StreamEvent } from '@kantor/contracts'
import { ClientError, errorFromResponse } from './client-error.js'
import { verifyDigest } from './digest.js'
import { readEvents } from './read-events.js'

export interface ClientOptions {
  /** Where the API answers, with scheme: `http://127.0.0.1:8420`. In a browser, '' means the page's own origin. */
  url: string
  apiKey?: string
  fetch?: typeof fetch
}

type Schema = { _zod: { input: unknown; output: unknown } }
type Input<T> = T extends Schema ? T['_zod']['input'] : never
type Output<T> = T extends Schema ? T['_zod']['output'] : never

/** Queries travel as text; where the API reads that text as a number or a list, a number or a list may be given too. */
type QueryValue<In, Out> = In | ([Out] extends [number | undefined] ? number : never) | ListOf<Out>
type ListOf<Out> = NonNullable<Out> extends readonly (infer Item extends string)[] ? readonly Item[] : never
type Query<Q> = { [K in keyof Input<Q>]?: QueryValue<Input<Q>[K], K extends keyof Output<Q> ? Output<Q>[K] : never> }

/** Go on behind an event that was seen. */
type Behind<R> = R extends { reply: 'text/event-stream' } ? { lastEventId?: string } : unknown

type Parts<R> = (R extends { params: infer P } ? { params: Input<P> } : unknown) &
  (R extends { query: infer Q } ? { query?: Query<Q> } : unknown) &
  (R extends { body: infer B } ? { body: Input<B> } : unknown) &
  (R extends { upload: string } ? { upload: Blob } : unknown)

/** Sent again with the same key and the same request, it is done once and answered alike: what a retry needs. */
type OncePerKey<R> = R extends { method: 'GET' } ? unknown : { idempotencyKey?: string }

/** Of the thing as it was seen: when it was changed since, nothing is done, and the error is `precondition-failed`. */
type IfRevision<R> = R extends { ifMatch: true } ? { ifRevision?: number } : unknown

/** What a method takes: path parameters, query and body as the route table declares them; a file as a Blob, in Node from `fs.openAsBlob`. */
export type Request<N extends RouteName> = Parts<Routes[N]> & { signal?: AbortSignal } & OncePerKey<Routes[N]> &
  IfRevision<Routes[N]> &
  Behind<Routes[N]>
/**
 * What it answers: the route's JSON, events as they come, or the bytes of a download; as a stream, which fails when it breaks
 * off, where they are made while they are sent.
 */
export type Reply<N extends RouteName> = Routes[N]['reply'] extends 'text/event-stream'
  ? AsyncIterable<StreamEvent>
  : Routes[N] extends { streamed: true }
    ? ReadableStream<Uint8Array<ArrayBuffer>>
    : Routes[N]['reply'] extends string
      ? Uint8Array
      : Output<Routes[N]['reply']>

/** Where a route has other forms than JSON, they come as text: what `format` asked for. */
type InText<N extends RouteName> = Routes[N] extends { replyAlso: unknown }
  ? (request: Request<N> & { query: { format: 'csv' | 'ndjson' } }) => Promise<string>
  : unknown

type Method<N extends RouteName> = InText<N> & InJson<N>
type InJson<N extends RouteName> = Routes[N] extends { params: unknown } | { body: unknown } | { upload: string }
  ? (request: Request<N>) => Promise<Reply<N>>
  : (request?: Request<N>) => Promise<Reply<N>>

/** With `dryRun` in its query a method answers what would come of the request. */
type DryRun<N extends RouteName> = Routes[N] extends { dryRun: { reply: infer R } }
  ? (request: Request<N> & { query: { dryRun: 'true' } }) => Promise<Output<R>>
  : unknown

/** One method per route, named as in the table. Every method rejects with a ClientError. */
export type Client = { readonly [N in RouteName]: DryRun<N> & Method<N> }

type QueryPart = string | number | readonly string[] | undefined
interface AnyRequest {
  params?: Record<string, string>
  query?: Record<string, QueryPart>
  body?: unknown
  upload?: Blob
  idempotencyKey?: string
  ifRevision?: number
  lastEventId?: string
  signal?: AbortSignal
}

/** A typed client of the API, for Node and browsers. Holds no connection, so there is nothing to close. */
export function createClient(options: ClientOptions): Client {
  const base = options.url.replace(/\/+$/, '')
  if (base !== '' && !/^https?:\/\/./i.test(base)) {
    throw new TypeError(`"${options.url}" is not the address of an API: write it with http:// or https://`)
  }
  const send = options.fetch ?? globalThis.fetch.bind(globalThis)
  const bearer = options.apiKey === undefined ? undefined : `Bearer ${options.apiKey}`
  const methods = Object.entries(routes).map(([name, route]) => [
    name,
    (request: AnyRequest = {}) => call(route, request, { base, bearer, send }),
  ])
  return Object.fromEntries(methods) as Client
}

interface Target {
  base: string
  bearer: string | undefined
  send: typeof fetch
}

async function call(route: Route, request: AnyRequest, target: Target): Promise<unknown> {
  const path = fillPath(route.path, request.params ?? {}) + queryString(request.query ?? {}, route.query)
  const where = `${route.method} ${target.base}${path}`
  const mediaType = typeof route.reply === 'string' ? route.reply : undefined
  const headers: Record<string, string> = { accept: mediaType ?? 'application/json' }
  if (target.bearer !== undefined) headers['authorization'] = target.bearer
  if (request.body !== undefined) headers['content-type'] = 'application/json'
  if (route.upload !== undefined) headers['content-type'] = route.upload
  if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey

  if (request.ifRevision !== undefined) headers['if-match'] = `"${request.ifRevision}"`

  if (request.lastEventId !== undefined) headers['last-event-id'] = request.lastEventId

  let response: Response
  try {
    response = await target.send(target.base + path, {
      method: route.method,
      headers,
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      ...(request.upload !== undefined && { body: request.upload }),
      ...(request.signal && { signal: request.signal }),
    })
  } catch (error) {
    throw unreachable(error, target.base, request.signal)
  }
  // A 503 of /readyz carries a report, not a problem: the report is what the caller asked for.
  const isReport = response.status === 503 && route.path === '/readyz' && !isProblem(response)
  if (!response.ok && !isReport) throw await errorFromResponse(response, where)
  if (mediaType === 'text/event-stream') {
    return readEvents(response, (error) => unreachable(error, target.base, request.signal))
  }
  if (route.streamed) return response.body
  // Asked for with `format`. Parquet is bytes: it is fetched by whoever wants the file.
  const isText = /^(?:text\/csv|application\/x-ndjson)/.test(response.headers.get('content-type') ?? '')
  try {
    if (isText && route.replyAlso) return await response.text()
    return mediaType !== undefined ? await download(response, where) : await json(response, where)
  } catch (error) {
    if (error instanceof ClientError) throw error
    throw unreachable(error, target.base, request.signal)
  }
}

const isProblem = (response: Response) => response.headers.get('content-type')?.startsWith('application/problem+json')

async function json(response: Response, where: string): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ClientError('bad-reply', `${where} answered something that is not JSON`, {
      status: response.status,
      cause: error,
    })
  }
}

async function download(response: Response, where: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  await verifyDigest(bytes, response.headers, where)
  return bytes
}

function unreachable(error: unknown, base: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason ?? error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  // Node wraps failures of several addresses in an AggregateError whose own message is empty.
  const first = cause instanceof AggregateError ? (cause.errors as unknown[])[0] : cause
  const why = first instanceof Error ? first.message : String(first)
  const detail = `nothing usable answers at ${base === '' ? 'this address' : base} (${why}); is the stack running?`
  return new ClientError('unreachable', detail, { cause: error })
}

const fillPath = (path: string, params: Record<string, string>) =>
  path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined || value === '') throw new TypeError(`the path ${path} needs "${name}"`)
    return encodeURIComponent(value)
  })

/** A list travels as the route reads it: the parameter once for each item, or once with commas between. */
function queryString(query: Record<string, QueryPart>, schema: Route['query']): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue
    const repeats = typeof value === 'object' && schema?.shape[key]?.safeParse(value).success
    if (repeats) for (const item of value) search.append(key, item)
    else search.set(key, typeof value === 'object' ? value.join(',') : String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
