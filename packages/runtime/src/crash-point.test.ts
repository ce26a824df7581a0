import { describe, expect, test } from '@jest/globals'
import { crashpoint, crashPoints, parseCrashAt } from './crash-point.js'
import { EnvError, loadEnv } from './env.js'

describe('crash points', () => {
  test.each([
    ['claim-after', { name: 'claim-after', passage: 1 }],
    ['spool-file-renamed:12', { name: 'spool-file-renamed', passage: 12 }],
  ])('%s is understood', (value, point) => {
    expect(parseCrashAt(value)).toEqual(point)
    expect(() => loadEnv({ KANTOR_CRASH_AT: value })).not.toThrow()
  })

  test.each(['claim-aftr', 'claim-after:0', 'claim-after:-1', 'claim-after:', 'claim-after:x', ':1'])(
    '%s is refused with the list of names',
    (value) => {
      expect(parseCrashAt(value)).toBeNull()
      const problems = (() => {
        try {
          return loadEnv({ KANTOR_CRASH_AT: value })
        } catch (error) {
          return error
        }
      })()
      expect(problems).toBeInstanceOf(EnvError)
      expect((problems as EnvError).problems.join('\n')).toContain(crashPoints.join(', '))
    },
  )

  test('unarmed, all of them are passed unharmed', () => {
    for (const name of crashPoints) crashpoint(name)
  })
})
