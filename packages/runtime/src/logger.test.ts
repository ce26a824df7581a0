import { describe, expect, test } from '@jest/globals'
import { createLogger, withoutSecrets } from './logger.js'

/** What a logger at `level` writes, parsed. */
function record(level: string, log: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = []
  log(createLogger({ logLevel: level }, 'test', { write: (line: string) => void lines.push(line) }))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('createLogger', () => {
  test('writes one JSON object per line with name, level and time', () => {
    const [line] = record('info', (log) => log.info({ jobId: 'j' }, 'claimed'))

    expect(line).toMatchObject({ level: 'info', name: 'test', jobId: 'j', msg: 'claimed' })
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT/)
  })

  test('S9: a name with line breaks and escapes stays one line of JSON', () => {
    const lines: string[] = []
    const log = createLogger({ logLevel: 'info' }, 'test', { write: (line: string) => void lines.push(line) })
    log.info({ name: 'x\r\n{"level":"fatal"}\u001b[31m' }, 'submitted')

    expect(lines).toHaveLength(1)
    // oxlint-disable-next-line no-control-regex
    expect(lines[0]!.trimEnd()).not.toMatch(/[\u0000-\u001f]/)
  })

  test('keeps to its level', () => {
    const lines = record('warn', (log) => {
      log.info('quiet')
      log.warn('loud')
    })

    expect(lines.map((line) => line['msg'])).toEqual(['loud'])
  })

  test('S10: no secret is written, wherever it stands', () => {
    const text = JSON.stringify(
      record('info', (log) => {
        log.info(
          { authorization: 'Bearer hunter2', env: { secretAccessKey: 'hunter2', databaseUrl: 'hunter2' } },
          'fields',
        )
        log.info({ req: { headers: { authorization: 'hunter2', cookie: 'hunter2' } } }, 'headers')
        log.error(new Error('connect to postgresql://kantor:hunter2@db:5432/kantor failed'), 'in a message')
        log.info({ body: { token: 'hunter2', secret: 'hunter2' } }, 'a body')
        log.info(`kantor_session=${'c0ffee'.repeat(3)}; GET /b/k?X-Amz-Signature=hunter2&X-Amz-Credential=hunter2%2Fs3`)
        log.info('the key kantor_01abc_hunter2AZaz09-_ and Authorization: Bearer hunter2')
      }),
    )

    expect(text).not.toContain('hunter2')
    expect(text).not.toContain('c0ffee')
    expect(text).toContain('postgresql://kantor:[redacted]@db:5432/kantor')
  })
})

describe('withoutSecrets', () => {
  test.each([
    'http://127.0.0.1:8420/jobs?limit=5',
    'jobs/0197/samples/000000500-1-ab.png',
    'user@host: nothing here',
    '{"url":"http://a:80/b","mail":"x@y"}',
  ])('leaves harmless text alone: %s', (text) => {
    expect(withoutSecrets(text)).toBe(text)
  })
})
