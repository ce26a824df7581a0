import { describe, expect, test } from '@jest/globals'
import { ClientError } from '@kantor/client'
import { AppError } from '@kantor/contracts'
import { EnvError } from '@kantor/runtime'
import { explain, Failure } from './failure.js'

describe('explain', () => {
  test.each([
    ['a reply 404', new ClientError('not-found', 'no such job', { status: 404 }), 3],
    ['a reply 401', new ClientError('unauthenticated', 'a key is needed', { status: 401 }), 4],
    ['a reply 403', new ClientError('insufficient-scope', 'not with this key', { status: 403 }), 4],
    ['a reply 409', new ClientError('invalid-state', 'it is over', { status: 409 }), 5],
    ['a reply 422', new ClientError('validation-failed', 'a field is wrong', { status: 422 }), 2],
    ['a reply 500', new ClientError('internal', 'something broke', { status: 500 }), 1],
    ['a reply 503', new ClientError('shutting-down', 'going down', { status: 503 }), 6],
    ['no reply', new ClientError('unreachable', 'nothing answers'), 6],
    ['a database that is away', new AppError('dependency-unavailable', 'the database does not answer'), 6],
    ['a dataset that is not there', new AppError('not-found', 'no such file'), 3],
    ['a bad environment', new EnvError(['KANTOR_PORT: must be a whole number']), 78],
    ['a watch that took too long', new Failure('timedOut', 'not over yet'), 7],
    ['Ctrl-C', new Failure('interrupted', 'interrupted'), 130],
    ['anything else', new Error('a bug'), 1],
  ])('%s ends with its exit code', (_, error, code) => {
    expect(explain(error).code).toBe(code)
  })

  test('every field error is said, with its hint', () => {
    const errors = [
      {
        pointer: '/spec/batchsize',
        code: 'unknown-property' as const,
        message: 'there is none',
        hint: 'did you mean "batchSize"?',
      },
      { pointer: '/spec/seed', code: 'wrong-type' as const, message: 'expected number' },
    ]

    const { lines } = explain(new ClientError('validation-failed', 'not acceptable', { status: 422, errors }))

    expect(lines).toEqual([
      'not acceptable',
      '  /spec/batchsize: there is none (did you mean "batchSize"?)',
      '  /spec/seed: expected number',
    ])
  })

  test('a remedy follows its failure', () => {
    expect(explain(new Failure('conflict', 'taken', { remedy: 'choose another' })).lines).toEqual([
      'taken',
      'choose another',
    ])
  })
})
