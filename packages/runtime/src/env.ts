import { isIP } from 'node:net'
import { isAbsolute, resolve } from 'node:path'
import { nearest, parseBucketPlace } from '@kantor/contracts'
import { z } from 'zod'
import { crashPoints, parseCrashAt } from './crash-point.js'
import { findExposures, risks } from './exposures.js'
import { type ImportService, importServiceOf } from './import-service.js'

const scheme = (...allowed: string[]) =>
  z.string().refine((value) => allowed.some((name) => value.startsWith(`${name}://`)) && URL.canParse(value), {
    error: `must be a URL that starts with ${allowed.map((name) => `${name}://`).join(' or ')}`,
  })
const whole = (low: number, high: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value),
    z
      .int({ error: `must be a whole number from ${low} to ${high}` })
      .min(low, { error: `must be at least ${low}` })
      .max(high, { error: `must be at most ${high}` }),
  )
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })

const listOf = (isItem: (text: string) => boolean, what: string) =>
  z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim().toLowerCase()))
    .refine((items) => items.every(isItem), { error: `must be ${what}, with commas between` })

/** An address, or a range such as 10.0.0.0/8. */
function isRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  return isIP(address) > 0 && Number(bits ?? 0) <= (isIP(address) === 4 ? 32 : 128)
}

const variables = z.object({
  DATABASE_URL: scheme('postgres', 'postgresql').optional(),
  REDIS_URL: scheme('redis', 'rediss').optional(),
  S3_ENDPOINT: scheme('http', 'https').optional(),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'must be a bucket name: 3 to 63 of a-z, 0-9, dot and dash' })
    .optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  KANTOR_DATA_DIR: z.string().default('.kantor'),
  KANTOR_HOST: z.string().default('127.0.0.1'),
  KANTOR_PORT: whole(0, 65535).default(8420),
  // Behind a proxy on the same machine the service is asked under a name that is not localhost.
  KANTOR_HOSTS: listOf((name) => /^[a-z0-9.-]{1,253}$/.test(name), 'host names without port').default([]),
  KANTOR_TRUSTED_PROXIES: listOf(isRange, 'addresses or ranges such as 10.0.0.0/8').default([]),
  // A service refuses to start with one of these, unless it is named here.
  KANTOR_INSECURE: listOf((risk) => (risks as readonly string[]).includes(risk), risks.join(' or ')).default([]),
  // Metrics and bull-board, apart from the API; neither is served without it.
  KANTOR_ADMIN_PORT: whole(0, 65535).optional(),
  KANTOR_BULL_BOARD: oneOf(['on', 'off']).default('off'),
  // The database keeps every entry for 30 days, whatever is asked.
  KANTOR_AUDIT_DAYS: whole(30, 36_500).default(730),
  // Webhooks to this host and into private networks.
  KANTOR_WEBHOOK_PRIVATE: oneOf(['on', 'off']).default('off'),
  // Requests per second of one key, or of one address without a key. A script that submits one by one stays below it.
  KANTOR_RATE_LIMIT: whole(0, 1_000_000).default(5000),
  // Of an archive; it lies in the data directory twice while it is read.
  KANTOR_IMPORT_MIB: whole(1, 1_048_576).default(2048),
  // Beyond any single device of today; a job that needs more is a slip of the pen.
  KANTOR_MEMORY_GIB: whole(1, 1_000_000).default(80),
  // What lies below them can be made a dataset by whoever may submit.
  KANTOR_IMPORT_ROOTS: z
    .string()
    .transform((paths) => paths.split(',').map((path) => path.trim()))
    .refine((paths) => paths.every((path) => isAbsolute(path)), {
      error: 'must be absolute paths, with commas between',
    })
    .default([]),
  // The same of buckets; a service of its own only where they are not beside the object store.
  KANTOR_IMPORT_S3: z
    .string()
    .transform((places) => places.split(',').map((place) => place.trim()))
    .refine((places) => places.every((place) => parseBucketPlace(place) !== null), {
      error: 'must be s3://bucket or s3://bucket/prefix, with commas between',
    })
    .default([]),
  KANTOR_IMPORT_S3_ENDPOINT: scheme('http', 'https').optional(),
  KANTOR_IMPORT_S3_REGION: z.string().default('us-east-1'),
  KANTOR_IMPORT_S3_ACCESS_KEY_ID: z.string().optional(),
  KANTOR_IMPORT_S3_SECRET_ACCESS_KEY: z.string().optional(),
  KANTOR_LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  KANTOR_DEVICE: oneOf(['cpu', 'gpu']).default('cpu'),
  KANTOR_SLOTS: whole(1, 64).default(1),
  KANTOR_XLA: oneOf(['on', 'off']).default('off'),
  // Renewed six times per lease; below 6 s a slow commit would fence a healthy worker.
  KANTOR_LEASE_SECONDS: whole(6, 3600).default(60),
  // A trainer without progress for so long is killed; twenty of its usual steps are always allowed.
  KANTOR_STALL_SECONDS: whole(5, 86_400).default(600),
  KANTOR_URL: scheme('http', 'https').optional(),
  // OpenTelemetry's own names; its SDK reads the second, and more of them.
  OTEL_EXPORTER_OTLP_ENDPOINT: scheme('http', 'https').optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().optional(),
  KANTOR_API_KEY: z.string().optional(),
  // For fault tests; read by `crash-point.ts`. Checked here, so that a name with a typing error never passes for a fault survived.
  KANTOR_CRASH_AT: z
    .string()
    .refine((value) => parseCrashAt(value) !== null, {
      error: `must be a crash point, with :n for its n-th passage; they are ${crashPoints.join(', ')}`,
    })
    .optional(),
})

/** What a service of objects needs, all of it or nothing. */
const servicesOfS3 = [
  ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
  ['KANTOR_IMPORT_S3_ENDPOINT', 'KANTOR_IMPORT_S3_ACCESS_KEY_ID', 'KANTOR_IMPORT_S3_SECRET_ACCESS_KEY'],
]

/** Read by tests, and by the set-up scripts before any package is built; listed here so that they are not taken for typing errors. */
const readElsewhere = [
  'KANTOR_FAULTS',
  'KANTOR_FAULTS_SEED',
  'KANTOR_FUZZ_SECONDS',
  'KANTOR_FUZZ_SEED',
  'KANTOR_TENSORBOARD_PYTHON',
  'KANTOR_TENSORFLOW',
  'KANTOR_TENSORFLOW_SHA256',
  'KANTOR_TENSORFLOW_WHEEL',
  'KANTOR_TORCH_PYTHON',
]

/** For the reference; what needs a reason has it above. */
const meanings: Partial<Record<keyof typeof variables.shape, string>> = {
  DATABASE_URL: 'Postgres; without it the one from npm, in the data directory',
  REDIS_URL: 'holds the queue; without it the queue is in Postgres',
  S3_ENDPOINT:
    'object store; without it objects are in the data directory. All four of endpoint, bucket and credentials, or none',
  S3_BUCKET: 'made when it is missing',
  S3_REGION: 'of the bucket',
  S3_ACCESS_KEY_ID: 'for the object store',
  S3_SECRET_ACCESS_KEY: 'for the object store',
  KANTOR_DATA_DIR: 'embedded services, objects, spool and image caches',
  KANTOR_HOST: 'address to listen on; any but loopback needs an API key first, and a proxy that speaks TLS in front',
  KANTOR_INSECURE:
    'plaintext: services elsewhere and the API without TLS; weak-secrets: services elsewhere with passwords that are guessed. Without it a service refuses to start with them',
  KANTOR_PORT: 'of the API; 0 takes a free one',
  KANTOR_HOSTS: 'names under which the API may be asked, with commas between, besides its own',
  KANTOR_TRUSTED_PROXIES: 'addresses or ranges whose X-Forwarded-For is believed, with commas between',
  KANTOR_AUDIT_DAYS: 'days that an entry of the audit log is kept, 30 to 36 500',
  KANTOR_RATE_LIMIT:
    'requests per second of one key, or of one address without a key, counted by each API process for itself; 0 to 1 000 000, 0 is no limit',
  KANTOR_MEMORY_GIB:
    'a job that is estimated to need more is refused, as long as no worker has told what its device has; GiB',
  KANTOR_IMPORT_MIB: 'mebibytes of a job’s archive or of an uploaded dataset, 1 to 1 048 576',
  KANTOR_IMPORT_ROOTS: 'folders of the API’s machine from which datasets may be imported, with commas between',
  KANTOR_IMPORT_S3:
    'buckets, or prefixes in them, from which datasets may be imported: s3://bucket/prefix, with commas between',
  KANTOR_IMPORT_S3_ENDPOINT:
    'where those buckets are; without it they are beside the object store’s. With both credentials, or none',
  KANTOR_IMPORT_S3_REGION: 'of those buckets',
  KANTOR_IMPORT_S3_ACCESS_KEY_ID: 'to read them',
  KANTOR_IMPORT_S3_SECRET_ACCESS_KEY: 'to read them',
  KANTOR_LOG_LEVEL: 'fatal, error, warn, info, debug, trace or silent',
  KANTOR_DEVICE: 'cpu or gpu: what a worker trains on; it ends when there is no GPU and one is asked for',
  KANTOR_SLOTS: 'jobs that a worker trains at once, 1 to 64; one per GPU',
  KANTOR_XLA: 'on clusters ops on a GPU',
  KANTOR_LEASE_SECONDS: 'after so long without a sign of life a worker’s job is taken back, 6 to 3600',
  KANTOR_STALL_SECONDS: 'a trainer without progress for so long is killed, 5 to 86 400',
  KANTOR_URL: 'where `kantor` finds the API',
  KANTOR_API_KEY: 'the key that `kantor` sends',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'collector that takes traces over OTLP/HTTP; without it none are made',
  OTEL_EXPORTER_OTLP_HEADERS: 'name=value pairs for it, with commas between',
  KANTOR_CRASH_AT: 'for fault tests: dies at this point of the code',
}

/** Every variable, with its default where it has one, for the reference. */
export const describeEnvironment = (): { name: string; meaning: string; fallback: string }[] => {
  const { data } = variables.safeParse({})
  return Object.keys(variables.shape).map((name) => ({
    name,
    meaning: meanings[name as keyof typeof meanings] ?? '',
    fallback: String(data?.[name as keyof typeof data] ?? ''),
  }))
}

const secrets = new Set([
  'DATABASE_URL',
  'REDIS_URL',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'KANTOR_IMPORT_S3_ACCESS_KEY_ID',
  'KANTOR_IMPORT_S3_SECRET_ACCESS_KEY',
  'KANTOR_API_KEY',
  'OTEL_EXPORTER_OTLP_HEADERS',
])

export interface S3Settings {
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

export interface Env {
  /** Absent: embedded Postgres. */
  databaseUrl?: string
  /** Absent: BullMQ on Postgres. */
  redisUrl?: string
  /** Absent: a directory under `dataDir`. */
  s3?: S3Settings
  /** Absolute. */
  dataDir: string
  host: string
  /** 0 means any free port. */
  port: number
  /** Names beside localhost under which the API may be asked, in lower case. */
  hosts: string[]
  /** Addresses and ranges of proxies whose X-Forwarded-* headers are believed. */
  trustedProxies: string[]
  /** Requests per second of one key, or of one address without a key; 0 is no limit. */
  rateLimit: number
  /** Absolute; below them lies what may be imported. */
  importRoots: string[]
  /** `s3://bucket/prefix`: below them lies what else may be imported. */
  importPlaces: string[]
  /** Absent: no bucket can be read. */
  importService?: ImportService
  /** That an entry of the audit log is kept. */
  auditDays: number
  /** Webhooks may lead to this host and into private networks. */
  webhookPrivate: boolean
  /** Of an archive that is imported, at most. */
  importMebibytes: number
  /** What a device is taken to have while no worker has told. */
  memoryBytes: number
  /** Absent: no metrics, no bull-board. 0 means any free port. */
  adminPort?: number
  bullBoard: boolean
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  device: 'cpu' | 'gpu'
  slots: number
  /** XLA clusters on a GPU. */
  xla: boolean
  leaseSeconds: number
  stallSeconds: number
  /** Where the CLI and the client find the API. */
  url?: string
  apiKey?: string
  /** A collector of OpenTelemetry. Absent: no traces are made. */
  tracesTo?: string
}

/** Everything that is wrong with the environment, one line per problem, without any secret's value. */
export class EnvError extends Error {
  override name = 'EnvError'
  readonly problems: string[]

  constructor(problems: string[]) {
    super(`the environment is not usable:\n${problems.join('\n')}`)
    this.problems = problems
  }
}

/** What a service needs beyond a readable environment. */
export interface ServiceNeeds {
  /** What to do when DATABASE_URL is missing. */
  database: string
  /** It answers on KANTOR_HOST. */
  listens: boolean
}

/**
 * The typed environment. An empty variable counts as unset. Throws EnvError with all problems at once; for a service also those of what it
 * needs, and every exposure that KANTOR_INSECURE does not accept.
 */
export function loadEnv(source: NodeJS.ProcessEnv = process.env, service?: ServiceNeeds): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''))
  const known = [...Object.keys(variables.shape), ...readElsewhere]
  const problems: string[] = []

  for (const name of Object.keys(given)
    .filter((key) => key.startsWith('KANTOR_') && !known.includes(key))
    .sort()) {
    const near = nearest(
      name.slice(7),
      known.filter((key) => key.startsWith('KANTOR_')).map((key) => key.slice(7)),
    )
    problems.push(`${name}: there is no such variable${near ? `; did you mean KANTOR_${near}?` : ''}`)
  }

  const parsed = variables.safeParse(given)
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0])
    problems.push(`${name}: ${issue.message}${secrets.has(name) ? '' : ` (it is ${JSON.stringify(given[name])})`}`)
  }

  for (const parts of servicesOfS3) {
    const set = parts.filter((name) => given[name])
    if (set.length > 0 && set.length < parts.length)
      for (const name of parts.filter((part) => !given[part]))
        problems.push(
          `${name}: is missing; ${set.join(', ')} ${set.length > 1 ? 'are' : 'is'} set and S3 needs all ${parts.length}`,
        )
  }
  if (given['KANTOR_IMPORT_S3'] && !given['KANTOR_IMPORT_S3_ENDPOINT'] && !given['S3_ENDPOINT'])
    problems.push(
      'KANTOR_IMPORT_S3: says which buckets, and nothing says where they are; set KANTOR_IMPORT_S3_ENDPOINT and credentials for it',
    )

  if (given['KANTOR_BULL_BOARD'] === 'on' && !given['KANTOR_ADMIN_PORT'])
    problems.push('KANTOR_BULL_BOARD: is served on KANTOR_ADMIN_PORT; set that too')

  if (given['KANTOR_XLA'] === 'on' && given['KANTOR_DEVICE'] !== 'gpu')
    problems.push('KANTOR_XLA: is for KANTOR_DEVICE=gpu; on a CPU XLA trains slower, leave it out')

  if (service) {
    if (!given['DATABASE_URL']) problems.push(`DATABASE_URL: is missing; ${service.database}`)
    const accepted = (given['KANTOR_INSECURE'] ?? '').toLowerCase()
    for (const { risk, problem } of exposuresOf(given, service)) if (!accepted.includes(risk)) problems.push(problem)
  }

  if (!parsed.success || problems.length > 0) throw new EnvError(problems)
  return typed(parsed.data)
}

/** Accepted or not: what is accepted is told too. */
const exposuresOf = (given: NodeJS.ProcessEnv, { listens }: Pick<ServiceNeeds, 'listens'>) =>
  findExposures({
    given,
    listensOn: listens ? given['KANTOR_HOST'] || '127.0.0.1' : null,
    isBehindProxy: Boolean(given['KANTOR_TRUSTED_PROXIES']),
  })

function typed(data: z.infer<typeof variables>): Env {
  const importService = importServiceOf(data)
  return {
    ...(data.DATABASE_URL && { databaseUrl: data.DATABASE_URL }),
    ...(data.REDIS_URL && { redisUrl: data.REDIS_URL }),
    ...(data.S3_ENDPOINT && {
      s3: {
        endpoint: data.S3_ENDPOINT,
        bucket: data.S3_BUCKET ?? '',
        region: data.S3_REGION,
        accessKeyId: data.S3_ACCESS_KEY_ID ?? '',
        secretAccessKey: data.S3_SECRET_ACCESS_KEY ?? '',
      },
    }),
    dataDir: resolve(data.KANTOR_DATA_DIR),
    host: data.KANTOR_HOST,
    port: data.KANTOR_PORT,
    hosts: data.KANTOR_HOSTS,
    trustedProxies: data.KANTOR_TRUSTED_PROXIES,
    rateLimit: data.KANTOR_RATE_LIMIT,
    memoryBytes: data.KANTOR_MEMORY_GIB * 2 ** 30,
    importRoots: data.KANTOR_IMPORT_ROOTS.map((path) => resolve(path)),
    importPlaces: data.KANTOR_IMPORT_S3,
    ...(importService && { importService }),
    auditDays: data.KANTOR_AUDIT_DAYS,
    webhookPrivate: data.KANTOR_WEBHOOK_PRIVATE === 'on',
    importMebibytes: data.KANTOR_IMPORT_MIB,
    ...(data.KANTOR_ADMIN_PORT !== undefined && { adminPort: data.KANTOR_ADMIN_PORT }),
    bullBoard: data.KANTOR_BULL_BOARD === 'on',
    logLevel: data.KANTOR_LOG_LEVEL,
    device: data.KANTOR_DEVICE,
    slots: data.KANTOR_SLOTS,
    xla: data.KANTOR_XLA === 'on',
    leaseSeconds: data.KANTOR_LEASE_SECONDS,
    stallSeconds: data.KANTOR_STALL_SECONDS,
    ...(data.KANTOR_URL && { url: data.KANTOR_URL }),
    ...(data.KANTOR_API_KEY && { apiKey: data.KANTOR_API_KEY }),
    ...(data.OTEL_EXPORTER_OTLP_ENDPOINT && { tracesTo: data.OTEL_EXPORTER_OTLP_ENDPOINT }),
  }
}

/**
 * For a service's first line: prints every problem to stderr and exits 78 (EX_CONFIG) when the environment is bad. `accepted` are the lines to
 * log as soon as there is a log.
 */
export function loadEnvOrExit(
  needs: ServiceNeeds,
  source: NodeJS.ProcessEnv = process.env,
): { env: Env & { databaseUrl: string }; accepted: string[] } {
  try {
    const env = loadEnv(source, needs) as Env & { databaseUrl: string }
    return { env, accepted: exposuresOf(source, needs).map(({ problem }) => problem) }
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    process.stderr.write(`${error.problems.join('\n')}\n`)
    process.exit(78)
  }
}
