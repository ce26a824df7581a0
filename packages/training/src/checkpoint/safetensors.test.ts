import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  float32Tensor,
  float32Values,
  int64Scalar,
  readSafetensors,
  SafetensorsError,
  writeSafetensors,
} from './safetensors.js'

const aFile = () =>
  writeSafetensors(
    [
      ['b', float32Tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])],
      ['a', float32Tensor(Float32Array.of(-0, NaN), [2])],
      ['count', int64Scalar(7)],
      ['empty', float32Tensor(new Float32Array(0), [0, 4])],
    ],
    { config: '{"x": "ü"}' },
  )

const withHeader = (header: unknown, data = new Uint8Array(8)): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + text.length + data.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  file.set(data, 8 + text.length)
  return file
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

describe('safetensors', () => {
  test('a written file reads back bit by bit, also from an odd address', () => {
    const file = aFile()
    const shifted = new Uint8Array(file.length + 1)
    shifted.set(file, 1)
    for (const bytes of [file, shifted.subarray(1), Buffer.from(file)]) {
      const read = readSafetensors(bytes)
      expect(read.metadata).toEqual({ config: '{"x": "ü"}' })
      expect([...read.tensors.keys()].sort()).toEqual(['a', 'b', 'count', 'empty'])
      expect(float32Values(read, 'b', [2, 3])).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6))
      expect(Object.is(float32Values(read, 'a', [2])[0], -0)).toBe(true)
      expect(read.tensors.get('count')).toMatchObject({ dtype: 'I64', shape: [] })
    }
  })

  test('equal content gives equal bytes, whatever the order', () => {
    const [x, y] = [float32Tensor(Float32Array.of(1), [1]), int64Scalar(2)]
    const one = writeSafetensors(
      [
        ['x', x],
        ['y', y],
      ],
      {},
    )
    expect(
      writeSafetensors(
        [
          ['y', y],
          ['x', x],
        ],
        {},
      ),
    ).toEqual(one)
    expect((8 + Number(new DataView(one.buffer).getBigUint64(0, true))) % 8).toBe(0)
  })

  test.each([
    ['too short for a length', new Uint8Array(7), 'too few'],
    ['a header longer than the file', withHeader('{}').subarray(0, 9), 'header claims'],
    ['an absurd header length', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 1), 'header claims'],
    ['a header that is not JSON', withHeader('{"a":'), 'not valid JSON'],
    ['a header that is a list', withHeader([]), 'not a JSON object'],
    ['an entry that is no object', withHeader({ a: 3 }), 'not an object'],
    ['an unknown dtype', withHeader({ a: { ...f32(0, 8), dtype: 'F31' } }), 'unknown dtype "F31"'],
    ['an inherited name as dtype', withHeader({ a: { ...f32(0, 8), dtype: 'toString' } }), 'unknown dtype'],
    ['a negative size', withHeader({ a: f32(0, 8, [-2]) }), 'no valid shape'],
    ['a shape that does not fit its bytes', withHeader({ a: f32(0, 8, [3]) }), 'needs 12 bytes and has 8'],
    ['offsets beyond the end', withHeader({ a: f32(0, 12) }), 'cut short or damaged'],
    ['offsets in reverse', withHeader({ a: f32(8, 0, [0]) }), 'cut short or damaged'],
    ['no offsets', withHeader({ a: { dtype: 'F32', shape: [2] } }), 'no valid data_offsets'],
    ['overlapping tensors', withHeader({ a: f32(0, 8), b: f32(4, 8) }), 'overlaps'],
    ['a hole', withHeader({ a: f32(4, 8) }), 'hole of 4 bytes'],
    ['bytes that belong to nobody', withHeader({ a: f32(0, 4) }), 'belong to no tensor'],
    ['metadata that is no text', withHeader({ __metadata__: { a: 1 }, x: f32(0, 8) }), 'metadata a is not a string'],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(SafetensorsError)
    expect(() => readSafetensors(bytes)).toThrow(message)
  })

  test('a cut or flipped file reads, or throws a SafetensorsError, and nothing else', () => {
    const file = aFile()
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), fc.nat(file.length), (at, value, length) => {
        const damaged = file.slice(0, length)
        if (at < length) damaged[at] = value
        try {
          readSafetensors(damaged)
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a missing tensor or another shape is named', () => {
    const read = readSafetensors(aFile())
    expect(() => float32Values(read, 'c', [1])).toThrow('no tensor c')
    expect(() => float32Values(read, 'b', [3, 2])).toThrow('tensor b is F32 [2, 3], expected F32 [3, 2]')
    expect(() => float32Values(read, 'count', [])).toThrow('I64')
  })
})
