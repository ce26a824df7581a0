import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { EnvError, loadEnv } from './env.js'

/** The problems that loading `source` reports. */
function problemsOf(source: Record<string, string>): string[] {
  try {
    loadEnv(source)
  } catch (error) {
    if (error instanceof EnvError) return error.problems
    throw error
  }
  throw new Error('the environment was accepted')
}

const s3 = {
  S3_ENDPOINT: 'http://127.0.0.1:9000',
  S3_BUCKET: 'kantor',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'secret',
}

describe('loadEnv', () => {
  test('an empty environment is the zero-setup default', () => {
    expect(loadEnv({})).toEqual({
      dataDir: join(process.cwd(), '.kantor'),
      host: '127.0.0.1',
      port: 8420,
      hosts: [],
      trustedProxies: [],
      rateLimit: 5000,
      memoryBytes: 80 * 2 ** 30,
      importRoots: [],
      importPlaces: [],
      auditDays: 730,
      webhookPrivate: false,
      importMebibytes: 2048,
      bullBoard: false,
      logLevel: 'info',
      device: 'cpu',
      slots: 1,
      xla: false,
      leaseSeconds: 60,
      stallSeconds: 600,
    })
  })

  test('every variable reaches its field', () => {
    const env = loadEnv({
      ...s3,
      S3_REGION: 'eu-central-1',
      DATABASE_URL: 'postgresql://u:p@db/kantor',
      REDIS_URL: 'rediss://r:6379/1',
      KANTOR_DATA_DIR: '/data',
      KANTOR_HOST: '0.0.0.0',
      KANTOR_PORT: '0',
      KANTOR_HOSTS: 'Kantor.example, lab.example',
      KANTOR_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8,fd00::/8',
      KANTOR_RATE_LIMIT: '0',
      KANTOR_MEMORY_GIB: '24',
      KANTOR_IMPORT_ROOTS: '/photos, /data/../sets',
      KANTOR_IMPORT_S3: 's3://photos, s3://sets/of-2026',
      KANTOR_ADMIN_PORT: '8421',
      KANTOR_BULL_BOARD: 'on',
      KANTOR_LOG_LEVEL: 'debug',
      KANTOR_DEVICE: 'gpu',
      KANTOR_SLOTS: '2',
      KANTOR_XLA: 'on',
      KANTOR_LEASE_SECONDS: '30',
      KANTOR_URL: 'https://kantor.example',
      KANTOR_API_KEY: 'kantor_a_b',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318',
      PATH: '/bin',
    })

    expect(env).toEqual({
      databaseUrl: 'postgresql://u:p@db/kantor',
      redisUrl: 'rediss://r:6379/1',
      s3: {
        endpoint: 'http://127.0.0.1:9000',
        bucket: 'kantor',
        region: 'eu-central-1',
        accessKeyId: 'id',
        secretAccessKey: 'secret',
      },
      dataDir: '/data',
      host: '0.0.0.0',
      port: 0,
      hosts: ['kantor.example', 'lab.example'],
      trustedProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'],
      rateLimit: 0,
      memoryBytes: 24 * 2 ** 30,
      importRoots: ['/photos', '/sets'],
      importPlaces: ['s3://photos', 's3://sets/of-2026'],
      importService: {
        variables: 'S3',
        endpoint: 'http://127.0.0.1:9000',
        region: 'eu-central-1',
        accessKeyId: 'id',
        secretAccessKey: 'secret',
      },
      auditDays: 730,
      webhookPrivate: false,
      importMebibytes: 2048,
      adminPort: 8421,
      bullBoard: true,
      logLevel: 'debug',
      device: 'gpu',
      slots: 2,
      xla: true,
      leaseSeconds: 30,
      stallSeconds: 600,
      url: 'https://kantor.example',
      apiKey: 'kantor_a_b',
      tracesTo: 'https://collector.example:4318',
    })
  })

  test('bull-board is refused without a port of its own', () => {
    expect(() => loadEnv({ KANTOR_BULL_BOARD: 'on' })).toThrow('KANTOR_BULL_BOARD: is served on KANTOR_ADMIN_PORT')
  })

  test('XLA is refused on a CPU', () => {
    expect(() => loadEnv({ KANTOR_XLA: 'on' })).toThrow('KANTOR_XLA: is for KANTOR_DEVICE=gpu')
  })

  test('an empty variable counts as unset', () => {
    const env = loadEnv({ DATABASE_URL: '', REDIS_URL: '', S3_ENDPOINT: '', KANTOR_PORT: '' })

    expect(env).toEqual(loadEnv({}))
  })

  test('E1: all problems come at once, one line each, each naming its variable', () => {
    const problems = problemsOf({
      DATABASE_URL: 'mysql://db',
      KANTOR_PORT: 'abc',
      KANTOR_SLOTS: '0',
      KANTOR_LOG_LEVEL: 'loud',
      KANTOR_LEASES: '3',
    })

    expect(problems.map((line) => line.split(':')[0]).sort()).toEqual([
      'DATABASE_URL',
      'KANTOR_LEASES',
      'KANTOR_LOG_LEVEL',
      'KANTOR_PORT',
      'KANTOR_SLOTS',
    ])
    for (const line of problems) expect(line).not.toContain('\n')
  })

  test.each(['abc', '-1', '65536', '80.5', '1e3', ' 80', '0x50'])('E1: KANTOR_PORT=%j is refused', (port) => {
    expect(problemsOf({ KANTOR_PORT: port })).toEqual([expect.stringMatching(/^KANTOR_PORT: must be /)])
  })

  test.each([
    ['KANTOR_HOSTS', 'kantor.example:8420'],
    ['KANTOR_HOSTS', 'https://kantor.example'],
    ['KANTOR_TRUSTED_PROXIES', 'proxy.example'],
    ['KANTOR_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['KANTOR_RATE_LIMIT', '-1'],
  ])('%s=%s is refused', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name}: must be `))])
  })

  test('E1: an unknown KANTOR_ variable is a problem and names the nearest', () => {
    expect(problemsOf({ KANTOR_DEVCE: 'gpu' })).toEqual([
      'KANTOR_DEVCE: there is no such variable; did you mean KANTOR_DEVICE?',
    ])
    expect(problemsOf({ KANTOR_XYZZYPLUGH: '1' })).toEqual(['KANTOR_XYZZYPLUGH: there is no such variable'])
  })

  test('S3 wants all four variables or none', () => {
    const { S3_SECRET_ACCESS_KEY: _, ...three } = s3

    expect(problemsOf(three)).toEqual([expect.stringMatching(/^S3_SECRET_ACCESS_KEY: is missing/)])
    expect(problemsOf({ S3_BUCKET: 'kantor' })).toHaveLength(3)
  })

  test('buckets to import from are beside the object store, at a service of their own, or nowhere', () => {
    const own = {
      KANTOR_IMPORT_S3_ENDPOINT: 'https://s3.example',
      KANTOR_IMPORT_S3_ACCESS_KEY_ID: 'reader',
      KANTOR_IMPORT_S3_SECRET_ACCESS_KEY: 'secret',
    }
    const { KANTOR_IMPORT_S3_ENDPOINT: endpoint, KANTOR_IMPORT_S3_ACCESS_KEY_ID: _, ...one } = own

    expect(loadEnv({ ...s3, ...own }).importService).toEqual({
      variables: 'KANTOR_IMPORT_S3',
      endpoint,
      region: 'us-east-1',
      accessKeyId: 'reader',
      secretAccessKey: 'secret',
    })
    expect(problemsOf(one)).toHaveLength(2)
    expect(problemsOf({ KANTOR_IMPORT_S3: 's3://photos' })).toEqual([
      expect.stringMatching(/^KANTOR_IMPORT_S3: .*set KANTOR_IMPORT_S3_ENDPOINT/),
    ])
    expect(problemsOf({ ...s3, KANTOR_IMPORT_S3: 's3://photos/../x' })).toEqual([
      expect.stringMatching(/^KANTOR_IMPORT_S3: must be/),
    ])
  })

  test('E1: no problem shows the value of a secret', () => {
    const problems = problemsOf({
      ...s3,
      DATABASE_URL: 'http://user:hunter2@db',
      REDIS_URL: 'hunter2',
      S3_BUCKET: 'Not A Bucket',
      S3_SECRET_ACCESS_KEY: 'hunter2',
      KANTOR_API_KEY: 'hunter2',
    })

    expect(problems).toHaveLength(3)
    expect(problems.join('\n')).not.toContain('hunter2')
  })
})
