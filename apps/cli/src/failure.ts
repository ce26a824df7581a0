import { ClientError } from '@kantor/client'
import { AppError } from '@kantor/contracts'
import { EnvError } from '@kantor/runtime'

/** What the process's exit code tells a script. */
export const exitCodes = {
  ok: 0,
  /** A job did not succeed, a bar was missed, or something needed is absent. */
  failed: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  conflict: 5,
  unreachable: 6,
  timedOut: 7,
  /** The environment variables are not usable (EX_CONFIG). */
  config: 78,
  interrupted: 130,
} as const
export type ExitName = keyof typeof exitCodes

/** A command that cannot go on. `remedy` says what to do about it. */
export class Failure extends Error {
  override name = 'Failure'
  readonly exit: ExitName
  readonly remedy: string | undefined

  constructor(exit: ExitName, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.exit = exit
    this.remedy = options.remedy
  }
}

/** The exit code of any error, and the lines that explain it to a person. */
export function explain(error: unknown): { code: number; lines: string[] } {
  if (error instanceof Failure) {
    const lines = [error.message, ...(error.remedy === undefined ? [] : [error.remedy])]
    return { code: exitCodes[error.exit], lines }
  }
  if (error instanceof EnvError) return { code: exitCodes.config, lines: error.problems }
  if (error instanceof ClientError) return { code: exitCodes[exitOfReply(error)], lines: linesOf(error) }
  if (error instanceof AppError) {
    const unavailable = error.code === 'dependency-unavailable'
    return { code: unavailable ? exitCodes.unreachable : exitCodes[exitOfStatus(error.status)], lines: linesOf(error) }
  }
  const text =
    error instanceof Error ? (process.env['KANTOR_LOG_LEVEL'] === 'debug' ? error.stack : error.message) : String(error)
  return { code: exitCodes.failed, lines: [text ?? 'unknown error'] }
}

function linesOf(error: ClientError | AppError): string[] {
  const fields = (error.errors ?? []).map(
    ({ pointer, message, hint }) => `  ${pointer || '/'}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  )
  const allowed = error.allowed
    ? [`  it is ${error.currentState ?? 'elsewhere'}; allowed from: ${error.allowed.join(', ')}`]
    : []
  return [error.detail, ...fields, ...allowed]
}

const exitOfReply = (error: ClientError): ExitName =>
  error.code === 'unreachable' || error.status === 502 || error.status === 503
    ? 'unreachable'
    : exitOfStatus(error.status)

function exitOfStatus(status: number): ExitName {
  if (status === 401 || status === 403) return 'auth'
  if (status === 404) return 'notFound'
  if (status === 409 || status === 412) return 'conflict'
  return status === 400 || status === 413 || status === 422 ? 'usage' : 'failed'
}
