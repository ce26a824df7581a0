import { describe, expect, test } from '@jest/globals'
import { EnvError, loadEnv } from './env.js'

const api = { database: 'set it', listens: true }
const worker = { database: 'set it', listens: false }
const local = { DATABASE_URL: 'postgres://postgres:postgres@127.0.0.1/x' }
const s3 = { S3_BUCKET: 'kantor', S3_ACCESS_KEY_ID: 'id' }

/** Variable and override of each exposure that keeps the service from starting. */
function refusals(source: Record<string, string>, service = api): string[] {
  try {
    loadEnv(source, service)
    return []
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    return error.problems.map((line) => {
      const [, name, risk] = /^(\w+): .*accept it with KANTOR_INSECURE=([\w-]+)$/.exec(line) ?? [undefined, line]
      return `${name} ${risk}`
    })
  }
}

describe('E3: a service refuses to start', () => {
  test.each([
    ['postgres://kantor:long-enough-secret@db.example/x', ['DATABASE_URL plaintext']],
    ['postgres://kantor:long-enough-secret@10.0.0.5/x?sslmode=disable', ['DATABASE_URL plaintext']],
    ['postgres://kantor:long-enough-secret@db.example/x?sslmode=no-verify', ['DATABASE_URL plaintext']],
    [
      'postgres://kantor:long-enough-secret@db.example/x?sslmode=require&uselibpqcompat=true',
      ['DATABASE_URL plaintext'],
    ],
    ['postgres://kantor:long-enough-secret@localhost/x?host=db.example', ['DATABASE_URL plaintext']],
    ['postgres://kantor:Postgres@db.example/x?sslmode=verify-full', ['DATABASE_URL weak-secrets']],
    ['postgres://kantor:short@db.example/x?sslmode=verify-full', ['DATABASE_URL weak-secrets']],
    ['postgres://kantor:long-enough-secret@db.example/x?sslmode=verify-full', []],
    ['postgres://kantor@db.example/x?sslmode=require&sslcert=/etc/kantor.crt', []],
    ['postgres://postgres:postgres@[::1]/x', []],
    ['postgres://postgres@%2Fvar%2Frun%2Fpostgresql/x', []],
  ])('with DATABASE_URL=%s: %j', (url, expected) => {
    expect(refusals({ DATABASE_URL: url }, worker)).toEqual(expected)
  })

  test.each([
    ['redis://:long-enough-secret@redis:6379', ['REDIS_URL plaintext']],
    ['rediss://redis:6379', ['REDIS_URL weak-secrets']],
    ['redis://:changeme@redis', ['REDIS_URL plaintext', 'REDIS_URL weak-secrets']],
    ['rediss://:long-enough-secret@redis', []],
    ['redis://127.0.0.1:6379', []],
  ])('with REDIS_URL=%s: %j', (url, expected) => {
    expect(refusals({ ...local, REDIS_URL: url }, worker)).toEqual(expected)
  })

  test.each([
    ['http://s3.example', 'long-enough-secret', ['S3_ENDPOINT plaintext']],
    ['https://s3.example', 'minioadmin', ['S3_SECRET_ACCESS_KEY weak-secrets']],
    ['https://s3.example', 'long-enough-secret', []],
    ['http://localhost:9000', 'minioadmin', []],
  ])('with S3_ENDPOINT=%s and the secret %s: %j', (endpoint, secret, expected) => {
    expect(refusals({ ...local, ...s3, S3_ENDPOINT: endpoint, S3_SECRET_ACCESS_KEY: secret }, worker)).toEqual(expected)
  })

  test.each([
    ['http://collector.example:4318', ['OTEL_EXPORTER_OTLP_ENDPOINT plaintext']],
    ['https://collector.example:4318', []],
  ])('with a key for the collector at %s: %j', (endpoint, expected) => {
    const source = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=x' }
    expect(refusals({ ...local, ...source }, worker)).toEqual(expected)
  })

  test('where others reach its plain HTTP, unless a proxy is named', () => {
    expect(refusals({ ...local, KANTOR_HOST: '0.0.0.0' })).toEqual(['KANTOR_HOST plaintext'])
    expect(refusals({ ...local, KANTOR_HOST: '0.0.0.0', KANTOR_TRUSTED_PROXIES: '10.0.0.1' })).toEqual([])
    expect(refusals({ ...local, KANTOR_HOST: '0.0.0.0' }, worker)).toEqual([])
  })

  test('unless just this risk is accepted', () => {
    const source = { ...local, REDIS_URL: 'redis://:changeme@redis' }
    expect(refusals({ ...source, KANTOR_INSECURE: 'plaintext' })).toEqual(['REDIS_URL weak-secrets'])
    expect(refusals({ ...source, KANTOR_INSECURE: 'plaintext, weak-secrets' })).toEqual([])
    expect(() => loadEnv({ KANTOR_INSECURE: 'everything' })).toThrow(
      'KANTOR_INSECURE: must be plaintext or weak-secrets',
    )
  })
})

test('E1: for a service, what is missing and what is exposed comes with everything else, in one go and without a secret', () => {
  const source = {
    KANTOR_PORT: '0x',
    KANTOR_HOST: '10.1.1.1',
    REDIS_URL: 'redis://:hunter22@redis',
    KANTOR_DEVCE: 'gpu',
  }
  expect(() => loadEnv(source, api)).toThrow(EnvError)
  try {
    loadEnv(source, api)
  } catch (error) {
    const { problems } = error as EnvError
    expect(problems.map((line) => line.split(':')[0])).toEqual([
      'KANTOR_DEVCE',
      'KANTOR_PORT',
      'DATABASE_URL',
      'REDIS_URL',
      'KANTOR_HOST',
    ])
    expect(problems.join('\n')).not.toContain('hunter22')
  }
})

test('a command that is no service may know of services that it does not use', () => {
  expect(loadEnv({ REDIS_URL: 'redis://redis', KANTOR_HOST: '0.0.0.0' })).toMatchObject({ redisUrl: 'redis://redis' })
})
