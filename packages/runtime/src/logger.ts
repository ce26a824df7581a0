import { pino } from 'pino'
import { openStderr } from './stderr.js'

export type Logger = pino.Logger

const redacted = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'apiKey',
  'password',
  'secretAccessKey',
  'accessKeyId',
  'databaseUrl',
  'redisUrl',
]

/** Keys and sessions of ours, bearer tokens, signatures and passwords inside URLs, wherever they stand in a finished line. */
const secretsInText: [RegExp, string][] = [
  [/kantor_[A-Za-z0-9]+_[A-Za-z0-9_-]+/g, 'kantor_[redacted]'],
  [/\b(kantor_session)=[0-9a-f]+/g, '$1=[redacted]'],
  // Whoever holds a signed address holds the object.
  [/\b(X-Amz-(?:Signature|Credential|Security-Token))=[^&\s"]+/gi, '$1=[redacted]'],
  [/\b(Bearer) [A-Za-z0-9._~+/=-]+/gi, '$1 [redacted]'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"]*):[^\s@/"]+@/gi, '$1:[redacted]@'],
]

/** The line without secrets. The last wall: a secret may sit in an error's message, where no field path finds it. */
export function withoutSecrets(line: string): string {
  return secretsInText.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line)
}

/** JSON lines on stderr, one per event; stdout belongs to the commands' own output. */
export function createLogger(env: { logLevel: string }, name: string, destination?: pino.DestinationStream): Logger {
  return pino(
    {
      name,
      level: env.logLevel,
      redact: { paths: redacted.flatMap((field) => [field, `*.${field}`, `*.headers.${field}`]), censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: withoutSecrets },
    },
    destination ?? openStderr(),
  )
}
