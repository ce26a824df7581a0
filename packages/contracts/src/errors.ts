import { z } from 'zod'

/** Every error that a client or an operator can meet: HTTP status and title. The only table of its kind. */
export const errorCatalogue = {
  'empty-body': { status: 400, title: 'The request has no body' },
  'malformed-json': { status: 400, title: 'The body is not valid JSON' },
  'duplicate-key': { status: 400, title: 'The body names a key twice' },
  'invalid-encoding': { status: 400, title: 'The body is not valid UTF-8' },
  'invalid-cursor': { status: 400, title: 'The cursor is not one of ours' },
  'invalid-idempotency-key': { status: 400, title: 'The Idempotency-Key is not acceptable' },
  'credential-in-url': { status: 400, title: 'Keys belong in the Authorization header' },
  unauthenticated: { status: 401, title: 'A valid API key is needed' },
  'insufficient-scope': { status: 403, title: 'The API key does not reach this' },
  'forbidden-origin': { status: 403, title: 'The request comes from another site' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This path has no such method' },
  'invalid-state': { status: 409, title: 'Its state does not allow this' },
  'request-in-progress': { status: 409, title: 'The same request is still being answered' },
  'last-admin-key': { status: 409, title: 'The last admin key stays' },
  'checkpoint-in-use': { status: 409, title: 'Another job starts from this checkpoint' },
  'weights-in-use': { status: 409, title: 'Something needs these weights' },
  'precondition-failed': { status: 412, title: 'It was changed since you looked' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'too-many-points': { status: 413, title: 'The range holds too many points' },
  'unsupported-media-type': { status: 415, title: 'The body is of another media type' },
  'validation-failed': { status: 422, title: 'The request is not acceptable' },
  'invalid-query': { status: 422, title: 'The query is not acceptable' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key stands for another request' },
  'archive-version': { status: 422, title: 'The archive is of a newer release' },
  'checkpoint-corrupt': { status: 422, title: 'The checkpoint is damaged' },
  'not-comparable': { status: 422, title: 'These curves cannot be compared' },
  'sweep-too-large': { status: 422, title: 'The sweep has more trials than a sweep may have' },
  'dataset-empty': { status: 422, title: 'The source holds no images' },
  'dataset-invalid': { status: 422, title: 'The source is not a usable dataset' },
  'dataset-unavailable': { status: 422, title: 'The source cannot be fetched' },
  'archive-invalid': { status: 422, title: 'The archive cannot be read' },
  'archive-unsafe-entry': { status: 422, title: 'The archive holds what has no place in it' },
  'archive-too-large': { status: 422, title: 'The archive unfolds to more than is read' },
  'image-too-large': { status: 422, title: 'The images are too large' },
  'image-dimensions': { status: 422, title: 'The images are too thin' },
  'image-format-not-allowed': { status: 422, title: 'The images are neither JPEG, PNG nor WebP' },
  'too-complex': { status: 422, title: 'The body is nested too deep or holds too many keys' },
  'headers-too-large': { status: 431, title: 'The headers are too many or too long' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'queue-full': { status: 429, title: 'The API key has as many jobs waiting as it may' },
  internal: { status: 500, title: 'Something broke on our side' },
  'dependency-unavailable': { status: 503, title: 'A service behind this one does not answer' },
  'shutting-down': { status: 503, title: 'The service is going down' },
} as const satisfies Record<string, { status: number; title: string }>
export type ErrorCode = keyof typeof errorCatalogue
export const errorCodes = Object.keys(errorCatalogue) as ErrorCode[]

/** What is wrong with one field. */
export const FieldError = z.object({
  /** RFC 6901 pointer into the body, or the parameter's name. */
  pointer: z.string(),
  code: z.enum([
    'required',
    'unknown-property',
    'wrong-type',
    'out-of-range',
    'too-long',
    'not-allowed',
    'invalid-string',
    'incompatible-shape',
    'conflicting-options',
    'dataset-not-found',
    'dataset-ref-forbidden',
    'dataset-too-small',
    'checkpoint-not-found',
    'weights-not-found',
    'quota-exceeded',
    'resource-limit',
    'invalid',
  ]),
  message: z.string(),
  /** What to write instead. */
  hint: z.string().optional(),
  /** With `resource-limit`: bytes of memory that it would take, and that it may. */
  estimated: z.number().optional(),
  limit: z.number().optional(),
})
export type FieldError = z.infer<typeof FieldError>
export type FieldErrorCode = FieldError['code']

/** RFC 9457 problem details, with our stable `code`. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(errorCodes as [ErrorCode, ...ErrorCode[]]),
    requestId: z.string(),
    errors: z.array(FieldError).optional(),
    currentState: z.string().optional(),
    allowed: z.array(z.string()).optional(),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof Problem>

export interface AppErrorOptions {
  cause?: unknown
  errors?: FieldError[]
  currentState?: string
  allowed?: string[]
  /** For the Retry-After header. */
  retryAfterSeconds?: number
}

/** An error that its reader can act on. `detail` says what happened and what to do. */
export class AppError extends Error {
  override name = 'AppError'
  readonly code: ErrorCode
  readonly detail: string
  readonly errors: FieldError[] | undefined
  readonly currentState: string | undefined
  readonly allowed: string[] | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, detail: string, options: AppErrorOptions = {}) {
    super(`${code}: ${detail}`, { cause: options.cause })
    this.code = code
    this.detail = detail
    this.errors = options.errors
    this.currentState = options.currentState
    this.allowed = options.allowed
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  get status(): number {
    return errorCatalogue[this.code].status
  }

  /** The wire form. `instance` is the request's path. */
  toProblem(instance: string, requestId: string): Problem {
    return {
      type: `/docs/errors#${this.code}`,
      title: errorCatalogue[this.code].title,
      status: this.status,
      detail: this.detail,
      instance,
      code: this.code,
      requestId,
      ...(this.errors && { errors: this.errors }),
      ...(this.currentState !== undefined && { currentState: this.currentState }),
      ...(this.allowed && { allowed: this.allowed }),
    }
  }
}
