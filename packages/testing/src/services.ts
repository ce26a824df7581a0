import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedPostgres, type S3Settings, startPostgres } from '@kantor/runtime'
import pg from 'pg'
import { type RedisServer, startRedis } from './redis.js'
import { type S3Server, startFauxqs, startMoto } from './s3.js'

export interface ServiceChoice {
  /** Default true. */
  postgres?: boolean
  /** Default true: redis-server when it is on the PATH. */
  redis?: boolean
  /** Default true: fauxqs. */
  s3?: boolean
  /** Default false: moto_server (it takes seconds to start), when it is on the PATH. */
  moto?: boolean
}

export interface Services {
  /** An empty database. Throws when Postgres was not asked for. */
  readonly databaseUrl: string
  /** Undefined when redis-server is not on the PATH. */
  readonly redisUrl: string | undefined
  /** fauxqs; the bucket does not exist yet. Throws when S3 was not asked for. */
  readonly s3: S3Settings
  /** Undefined when moto_server was not asked for or is not on the PATH. */
  readonly moto: S3Settings | undefined
  /** A temporary folder, removed by `stop`. */
  readonly directory: string
  readonly postgresServer: EmbeddedPostgres | undefined
  readonly redisServer: RedisServer | undefined
  readonly s3Server: S3Server | undefined
  readonly motoServer: S3Server | undefined
  /** Another empty database on the same server; answers its URL. */
  createDatabase(): Promise<string>
  stop(): Promise<void>
}

/** Real services on free loopback ports, for one test file. Call `stop` in afterAll: it ends every process and removes every file. */
export async function startServices(choice: ServiceChoice = {}): Promise<Services> {
  const directory = await mkdtemp(join(tmpdir(), 'kantor-test-'))
  // Postgres runs as another user when the tests run as root, and must be able to enter.
  await chmod(directory, 0o755)
  const started: { stop(): Promise<void> }[] = []
  const begin = async <T extends { stop(): Promise<void> } | undefined>(wanted: boolean, start: () => Promise<T>) => {
    if (!wanted) return undefined
    const service = await start()
    if (service) started.push(service)
    return service
  }
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()))
    await rm(directory, { recursive: true, force: true })
  }

  const starts = [
    begin(choice.postgres ?? true, () => startTestPostgres(directory)),
    begin(choice.redis ?? true, startRedis),
    begin(choice.s3 ?? true, startFauxqs),
    begin(choice.moto ?? false, () => startMoto()),
  ] as const
  const [postgres, redis, s3, moto] = await Promise.all(starts).catch(async (error: unknown) => {
    // One that failed must not leave the others running.
    await Promise.allSettled(starts)
    await stop()
    throw error
  })

  const createDatabase = () => {
    if (!postgres) throw new Error('startServices was called without postgres')
    return createDatabaseOn(postgres)
  }
  const databaseUrl = postgres && (await createDatabase())
  return {
    get databaseUrl() {
      if (!databaseUrl) throw new Error('startServices was called without postgres')
      return databaseUrl
    },
    get s3() {
      if (!s3) throw new Error('startServices was called without s3')
      return s3.settings
    },
    redisUrl: redis?.url,
    moto: moto?.settings,
    directory,
    postgresServer: postgres,
    redisServer: redis,
    s3Server: s3,
    motoServer: moto,
    createDatabase,
    stop,
  }
}

// Data here is thrown away, so nothing waits for the disk. A kill of this server would lose its last commits: for that there is
// `startProcessStack`, whose Postgres has them out of the process before it acknowledges them.
function startTestPostgres(directory: string): Promise<EmbeddedPostgres> {
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', shared_buffers: '32MB' }
  return startPostgres({ directory: join(directory, 'postgres'), settings })
}

async function createDatabaseOn(postgres: EmbeddedPostgres): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const client = new pg.Client({ connectionString: postgres.url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${name}`)
  } finally {
    await client.end()
  }
  return postgres.url.replace(/\/postgres$/, `/${name}`)
}
