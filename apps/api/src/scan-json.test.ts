import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { scanJson } from './scan-json.js'

const MAX_KEYS = 10_000

describe('scanJson', () => {
  test('accepts whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.boolean(), (text, isIndented) => {
        const value: unknown = JSON.parse(text)
        // A generated object may hold __proto__ as a key of its own, which is refused on purpose.
        fc.pre(!text.includes('__proto__'))
        expect(scanJson(JSON.stringify(value, null, isIndented ? 2 : 0), MAX_KEYS)).toBeNull()
      }),
    )
  })

  test('refuses what JSON.parse refuses, and accepts nothing that it does not', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\n',
      '\u0001',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        const fault = scanJson(text, MAX_KEYS)
        let isValid = true
        try {
          JSON.parse(text)
        } catch {
          isValid = false
        }
        expect(fault === null || fault.code === 'duplicate-key').toBe(isValid)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['{"a": 1, "b": }', 'malformed-json', 14],
    ['{"a": 1', 'malformed-json', 7],
    ['["x]', 'malformed-json', 4],
    ['[1] 2', 'malformed-json', 4],
    ['{"a": 1, "b": {"a": 1}, "a": 2}', 'duplicate-key', 24],
    ['{"a": 1, "\\u0061": 2}', 'duplicate-key', 9],
    ['{"spec": {"__proto__": {"x": 1}}}', 'malformed-json', 10],
    ['{"\\u005f_proto__": 1}', 'malformed-json', 1],
    ['{"constructor": {"prototype": {}}}', 'malformed-json', 17],
  ])('%s is %s at %i', (text, code, offset) => {
    expect(scanJson(text, MAX_KEYS)).toMatchObject({ code, offset })
  })

  test('a key "constructor" alone is just a key', () => {
    expect(scanJson('{"constructor": {"a": 1}, "prototype": 2}', MAX_KEYS)).toBeNull()
  })

  test('bounds depth and keys, whatever the size of the text', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(scanJson(deep, MAX_KEYS)).toMatchObject({ code: 'too-complex', offset: 65 })
    const wide = `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join()}}`
    expect(scanJson(wide, MAX_KEYS)?.code).toBe('too-complex')
    expect(scanJson('['.repeat(64) + ']'.repeat(64), MAX_KEYS)).toBeNull()
  })
})
