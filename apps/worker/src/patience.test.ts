import { describe, expect, test } from '@jest/globals'
import { AppError } from '@kantor/contracts'
import { createLogger } from '@kantor/runtime'
import { outlast } from './patience.js'

const log = createLogger({ logLevel: 'silent' }, 'test')
const refuse = () => Promise.reject(new AppError('not-found', 'no such object'))
const full = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
const outage = () => Promise.reject(new AppError('dependency-unavailable', 'away'))

describe('outlast', () => {
  test('waits for a service that is away', async () => {
    let calls = 0

    const result = await outlast('call', async () => (++calls < 2 ? outage() : 'back'), {
      signal: new AbortController().signal,
      log,
    })

    expect({ result, calls }).toEqual({ result: 'back', calls: 2 })
  })

  test('waits for room on a full disk', async () => {
    let calls = 0

    const result = await outlast('write', async () => (++calls < 2 ? full() : 'written'), {
      signal: new AbortController().signal,
      log,
    })

    expect({ result, calls }).toEqual({ result: 'written', calls: 2 })
  })

  test('any other error is the answer', async () => {
    await expect(outlast('call', refuse, { signal: new AbortController().signal, log })).rejects.toThrow(
      'no such object',
    )
  })

  test('stops waiting for the service, and for the action, when the signal aborts', async () => {
    for (const action of [outage, () => new Promise<never>(() => {})]) {
      const abort = new AbortController()
      const waiting = outlast('call', action, { signal: abort.signal, log })
      setImmediate(() => abort.abort(new Error('lease lost')))

      await expect(waiting).rejects.toThrow('lease lost')
    }
  })
})
