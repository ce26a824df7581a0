import { describe, expect, test } from '@jest/globals'
import { classifyFailure, DatasetUnreadable } from './classify-failure.js'

const named = (name: string, message = 'because') => Object.assign(new Error(message), { name })

describe('classifyFailure', () => {
  test.each([
    [named('DivergedError'), 'diverged'],
    [new DatasetUnreadable(new Error('EIO')), 'dataset'],
    [named('SafetensorsError'), 'checkpoint'],
    [named('CheckpointError'), 'incompatible'],
    [new Error('RESOURCE_EXHAUSTED: OOM when allocating tensor with shape[64,512,64,64]'), 'out_of_memory'],
    [new RangeError('Array buffer allocation failed'), 'out_of_memory'],
    [new TypeError('undefined is not a function'), 'error'],
    ['a string', 'error'],
  ])('%s: %s', (error, kind) => {
    expect(classifyFailure(error).kind).toBe(kind)
  })
})
