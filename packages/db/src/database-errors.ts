import { AppError } from '@kantor/contracts'

/** Error codes of Node's sockets and of Postgres that say "not now" rather than "wrong". */
const unavailable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // a socket file of a server that is down
  '53300', // too many connections
  '57014', // statement timeout
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // cannot connect now: starting or stopping
  '55P03', // lock timeout
  '25P03', // idle in transaction
  '25006', // read-only: a standby, until the fail-over is over
])
const unavailableText =
  /connection terminated|connection ended|not queryable|timeout exceeded when trying to connect|query read timeout|pool after calling end|server has closed the connection|can't reach database server/i

interface Coded {
  code?: unknown
  message?: unknown
  cause?: unknown
  errors?: unknown
}
const isObject = (value: unknown): value is Coded => typeof value === 'object' && value !== null

/** Whether an error of pg or Prisma means that the database cannot be reached just now. */
export function isUnavailable(error: unknown, depth = 0): boolean {
  if (!isObject(error) || depth > 4) return false
  const code = typeof error.code === 'string' ? error.code : ''
  if (unavailable.has(code) || code.startsWith('08') || /^P10(01|02|08|17)$|^P2024$/.test(code)) return true
  if (typeof error.message === 'string' && unavailableText.test(error.message)) return true
  const inner = Array.isArray(error.errors) ? error.errors : []
  return [error.cause, ...inner].some((cause) => isUnavailable(cause, depth + 1))
}

/** What to throw instead of a driver's error: outages become `dependency-unavailable`, all else stays itself. */
export function translate(error: unknown): unknown {
  if (error instanceof AppError || !isUnavailable(error)) return error
  return new AppError('dependency-unavailable', 'the database does not answer; try again in a moment', { cause: error })
}
