import { type ErrorCode, errorCodes, type FieldError, Problem } from '@kantor/contracts'

/** `unreachable`: nothing answered. `bad-reply`: something answered that is not this API. `corrupt-download`: bytes and hash disagree. */
export type ClientErrorCode = ErrorCode | 'unreachable' | 'bad-reply' | 'corrupt-download'

export interface ClientErrorDetails {
  /** HTTP status; 0 when there was no reply. */
  status?: number
  errors?: FieldError[]
  retryAfterSeconds?: number
  requestId?: string
  currentState?: string
  allowed?: string[]
  cause?: unknown
}

/** A request that failed, with the API's own code and words where it gave any. */
export class ClientError extends Error {
  override name = 'ClientError'
  readonly code: ClientErrorCode
  readonly status: number
  readonly detail: string
  /** What is wrong with each field, for `validation-failed` and `invalid-query`. */
  readonly errors: FieldError[]
  /** Seconds to wait, from `Retry-After`. */
  readonly retryAfter: number | undefined
  readonly requestId: string | undefined
  /** For `invalid-state`: where the job is, and the states in which the request would have been accepted. */
  readonly currentState: string | undefined
  readonly allowed: string[] | undefined

  constructor(code: ClientErrorCode, detail: string, details: ClientErrorDetails = {}) {
    super(`${code}: ${detail}`, { cause: details.cause })
    this.code = code
    this.detail = detail
    this.status = details.status ?? 0
    this.errors = details.errors ?? []
    this.retryAfter = details.retryAfterSeconds
    this.requestId = details.requestId
    this.currentState = details.currentState
    this.allowed = details.allowed
  }

  /** The same request may succeed a little later. */
  get transient(): boolean {
    return this.code === 'unreachable' || this.status === 429 || this.status === 502 || this.status === 503
  }
}

/** Reads the error out of a reply that is not a success, whoever wrote it. */
export async function errorFromResponse(response: Response, where: string): Promise<ClientError> {
  const retryAfterSeconds = retryAfter(response.headers.get('retry-after'))
  const body: unknown = await response.json().catch(() => undefined)
  const problem = Problem.safeParse(body)
  if (problem.success) {
    const { code, detail, status, errors, requestId, currentState, allowed } = problem.data
    return new ClientError(code, detail, {
      status,
      requestId,
      ...(errors && { errors }),
      ...(currentState !== undefined && { currentState }),
      ...(allowed && { allowed }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    })
  }
  const detail = `${where} answered ${response.status} ${response.statusText}, without the API's own error format`
  return new ClientError(codeOfStatus(response.status), detail, {
    status: response.status,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  })
}

/** A proxy's plain 401, 404, 429 or 503 still means what it says. */
function codeOfStatus(status: number): ClientErrorCode {
  const byStatus: Record<number, ErrorCode> = {
    401: 'unauthenticated',
    403: 'insufficient-scope',
    413: 'payload-too-large',
    429: 'rate-limited',
    502: 'dependency-unavailable',
    503: 'dependency-unavailable',
  }
  const code = byStatus[status]
  return code !== undefined && errorCodes.includes(code) ? code : 'bad-reply'
}

function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
