import { describe, expect, test } from '@jest/globals'
import { bytes, duration, exactly, figure, rate, roughly } from './format.js'

describe('figures for people', () => {
  test('a value keeps its significant digits, with a true minus sign', () => {
    expect(figure(0.123456)).toBe('0.1235')
    expect(figure(-0.5, 2)).toBe('−0.50')
    expect(figure(0.00001234)).toBe('1.234e−5')
    expect(figure(-16_890.4)).toBe('−16,890')
    expect(figure(12_345_678)).toBe('1.235e7')
    expect(figure(null)).toBe('–')
  })

  test('a float32 shows the digits it has and none of the noise behind them', () => {
    expect(exactly(Math.fround(0.1))).toBe('0.1')
    expect(exactly(Math.fround(-0.12345678))).toBe('−0.12345678')
  })

  test('a duration names its two largest units, an age only one', () => {
    expect(duration(41.4)).toBe('41 s')
    expect(duration(3600)).toBe('1 h')
    expect(duration(7500)).toBe('2 h 5 min')
    expect(duration(90_061)).toBe('1 d 1 h')
    expect(duration(Number.POSITIVE_INFINITY)).toBe('–')
    expect(roughly(7500)).toBe('2 h')
    expect(roughly(-3)).toBe('0 s')
  })

  test('a slow rate is told per minute', () => {
    expect(rate(4.367)).toBe('4.37 /s')
    expect(rate(0.01)).toBe('0.600 /min')
  })

  test('sizes go up in powers of 1024', () => {
    expect(bytes(0)).toBe('0 B')
    expect(bytes(1536)).toBe('1.50 KiB')
    expect(bytes(5 * 1024 ** 3)).toBe('5.00 GiB')
  })
})
