import { describe, expect, test } from '@jest/globals'
import { readStepCursor, stepCursor } from './cursor.js'

const id = '0198c0de-0000-7000-8000-000000000001'

describe('a step cursor', () => {
  test('comes back as it went out, up to the largest step that the database holds', () => {
    for (const step of [0, 500, 2 ** 31 - 1]) expect(readStepCursor(stepCursor({ step, id }))).toEqual({ step, id })
  })

  test('with a step that no column holds is refused as one that is not ours', () => {
    for (const step of [2 ** 31, 9_999_999_999])
      expect(() => readStepCursor(stepCursor({ step, id }))).toThrow(
        expect.objectContaining({ code: 'invalid-cursor' }),
      )
  })
})
