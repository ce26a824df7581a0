import { isLoopback } from './loopback.js'

/** What a service does only when it is told to in so many words, by KANTOR_INSECURE. */
export const risks = ['plaintext', 'weak-secrets'] as const

export interface Exposure {
  risk: (typeof risks)[number]
  /** One line that names the variable and the remedy, never the secret. */
  problem: string
}

export interface ExposureQuestion {
  /** The variables that are set. */
  given: Record<string, string | undefined>
  /** Where the service itself listens; null when it does not. */
  listensOn: string | null
  /** A proxy that is named is taken to be the one that speaks TLS. */
  isBehindProxy: boolean
}

const SHORTEST_SECRET = 8
/** Of every list of passwords that are tried first, and what the images of these services start with. */
const triedFirst = new Set(
  'password,passw0rd,postgres,postgresql,changeme,changeit,minioadmin,versitygw,rustfsadmin,kantor123,password1,password123,12345678,123456789,1234567890,qwertyui,qwerty123,administrator,supersecret,letmein1'.split(
    ',',
  ),
)

/**
 * Secrets that would cross a network in the clear, and secrets that anybody guesses. What stays on this machine is nobody's business: there a
 * password is a formality. A URL that cannot be read is reported elsewhere.
 */
export function findExposures({ given, listensOn, isBehindProxy }: ExposureQuestion): Exposure[] {
  const found: Exposure[] = []
  const plaintext = (name: string, what: string) =>
    void found.push({ risk: 'plaintext', problem: `${name}: ${what}, or accept it with KANTOR_INSECURE=plaintext` })
  const weak = (name: string, what: string) =>
    void found.push({
      risk: 'weak-secrets',
      problem: `${name}: ${what}, or accept it with KANTOR_INSECURE=weak-secrets`,
    })
  const judge = (name: string, secret: string) => {
    if (isWeak(secret))
      weak(
        name,
        `its secret has fewer than ${SHORTEST_SECRET} characters or is one that everybody tries first; take another (openssl rand -hex 24)`,
      )
  }

  const database = remote(given['DATABASE_URL'], /^postgres(?:ql)?:$/)
  if (database) {
    if (!isVerified(database))
      plaintext(
        'DATABASE_URL',
        `${hostOf(database)} is reached without TLS, or without a look at its certificate; add sslmode=verify-full`,
      )
    // Without one the server may know us by a certificate.
    if (database.password !== '') judge('DATABASE_URL', decodeURIComponent(database.password))
  }
  const redis = remote(given['REDIS_URL'], /^rediss?:$/)
  if (redis) {
    if (redis.protocol !== 'rediss:')
      plaintext('REDIS_URL', `${redis.hostname} is reached without TLS; write rediss://`)
    if (redis.password === '') weak('REDIS_URL', `${redis.hostname} asks for no password; give it one (requirepass)`)
    else judge('REDIS_URL', decodeURIComponent(redis.password))
  }
  for (const service of ['S3', 'KANTOR_IMPORT_S3']) {
    const store = remote(given[`${service}_ENDPOINT`], /^https?:$/)
    if (!store) continue
    if (store.protocol !== 'https:')
      plaintext(`${service}_ENDPOINT`, `${store.hostname} is reached without TLS; write https://`)
    const secret = given[`${service}_SECRET_ACCESS_KEY`]
    if (secret) judge(`${service}_SECRET_ACCESS_KEY`, secret)
  }
  const collector = given['OTEL_EXPORTER_OTLP_HEADERS'] && remote(given['OTEL_EXPORTER_OTLP_ENDPOINT'], /^http:$/)
  if (collector)
    plaintext('OTEL_EXPORTER_OTLP_ENDPOINT', `${collector.hostname} would get its headers without TLS; write https://`)
  if (listensOn !== null && !isLoopback(listensOn) && !isBehindProxy)
    plaintext(
      'KANTOR_HOST',
      `keys would travel to ${listensOn} over plain HTTP; put a proxy that speaks TLS in front and name it in KANTOR_TRUSTED_PROXIES`,
    )
  return found
}

const isWeak = (secret: string) => secret.length < SHORTEST_SECRET || triedFirst.has(secret.toLowerCase())

/** node-postgres connects to the parameter `host` rather than to the URL's own. */
const hostOf = (url: URL): string => decodeURIComponent(url.searchParams.get('host') ?? url.hostname)

/** The URL, when it leads off this machine. */
function remote(text: string | undefined, scheme: RegExp): URL | null {
  if (text === undefined || !URL.canParse(text)) return null
  const url = new URL(text)
  if (!scheme.test(url.protocol)) return null
  const host = hostOf(url)
  // An empty one, or a path, is a socket file.
  return host === '' || host.startsWith('/') || isLoopback(host) ? null : url
}

/** Whether node-postgres both encrypts and checks the certificate: it reads `require` as `verify-full`, unless libpq's reading is asked for. */
function isVerified({ searchParams }: URL): boolean {
  const mode = searchParams.get('sslmode')
  if (mode === null) return ['true', '1'].includes(searchParams.get('ssl') ?? '')
  return (
    mode === 'verify-full' ||
    mode === 'verify-ca' ||
    (mode === 'require' && searchParams.get('uselibpqcompat') !== 'true')
  )
}
