import { describe, expect, test } from '@jest/globals'
import { harmless, onOneLine, table } from './output.js'

const escape = '\u001b'
const hostile = [
  `${escape}[2J${escape}[1;31mowned`,
  `${escape}]0;a title\u0007`,
  'a\rb',
  'a\u0008\u0008b',
  '\u009b31mC1',
  'txt.\u202egpj.exe\u2066',
  '\u200fright to left',
  '\u2028next line',
]

describe('S9: what others named', () => {
  test.each(hostile)('%j reaches the terminal as text', (text) => {
    for (const shown of [harmless(text), onOneLine(text), table(['NAME'], [[text]])]) {
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
      expect(JSON.parse(`"${shown.replace('NAME\n', '')}"`)).toBe(text)
    }
  })

  test('a cell is one line, so that no name can look like a row of its own', () => {
    expect(table(['NAME', 'STATE'], [['a\njob-2  succeeded', 'failed']]).split('\n')).toHaveLength(2)
  })

  test('JSON means the same after it', () => {
    const value = { name: hostile.join('') }
    expect(JSON.parse(harmless(JSON.stringify(value)))).toEqual(value)
  })

  test('other writing is left alone', () => {
    const text = 'größer · 图像 · 👩‍🔬 · –\tx\ny'
    expect(harmless(text)).toBe(text)
  })
})
