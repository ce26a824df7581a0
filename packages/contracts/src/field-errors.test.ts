import { describe, expect, test } from '@jest/globals'
import { applyPreset, CreateJob, CurveQuery, fieldErrors, nearest } from './index.js'

function errorsOf(body: unknown) {
  const parsed = CreateJob.safeParse(applyPreset(body), { reportInput: true })
  return parsed.success ? [] : fieldErrors(CreateJob, parsed.error.issues)
}
const only = (body: unknown) => {
  const errors = errorsOf(body)
  expect(errors).toHaveLength(1)
  return errors[0]!
}
const withSpec = (spec: object) => ({ spec: { dataset: 'mnist', ...spec } })

describe('field errors', () => {
  test('an unknown key is named with the nearest one there is, at any depth', () => {
    expect(only(withSpec({ batchsize: 3 }))).toMatchObject({
      pointer: '/spec/batchsize',
      code: 'unknown-property',
      hint: 'did you mean "batchSize"?',
    })
    expect(only(withSpec({ model: { latentsize: 3 } })).hint).toBe('did you mean "latentSize"?')
    expect(only(withSpec({ optimizer: { kind: 'adam', bta1: 0 } })).hint).toBe('did you mean "beta1"?')
  })

  test('an unknown key far from all of them lists what is allowed', () => {
    expect(only(withSpec({ checkpoint: { zzzzzz: 1 } })).hint).toBe(
      'allowed: everySteps, everySeconds, keep, keepEvery, keepBest',
    )
  })

  test('all errors come at once', () => {
    const pointers = errorsOf({
      nme: 'x',
      spec: { model: { imageSize: 48 }, batchSize: '64', seed: -1, optimizer: { kind: 'sgd' }, device: 'gpuu' },
    }).map((error) => error.pointer)

    expect(new Set(pointers)).toEqual(
      new Set([
        '/nme',
        '/spec/dataset',
        '/spec/model/imageSize',
        '/spec/batchSize',
        '/spec/seed',
        '/spec/optimizer/kind',
        '/spec/device',
      ]),
    )
  })

  test.each([
    ['a missing key', { spec: {} }, '/spec/dataset', 'required'],
    ['text for a number', withSpec({ batchSize: '64' }), '/spec/batchSize', 'wrong-type'],
    ['null for an object', withSpec({ model: null }), '/spec/model', 'wrong-type'],
    ['a fraction for a count', withSpec({ batchSize: 2.5 }), '/spec/batchSize', 'out-of-range'],
    ['2^53 + 1', withSpec({ seed: 2 ** 53 + 1 }), '/spec/seed', 'out-of-range'],
    [
      'a learning rate of 0',
      withSpec({ optimizer: { kind: 'rmsprop', criticLearningRate: 0 } }),
      '/spec/optimizer/criticLearningRate',
      'out-of-range',
    ],
    ['beta1 = 1', withSpec({ optimizer: { kind: 'adam', beta1: 1 } }), '/spec/optimizer/beta1', 'out-of-range'],
    [
      'an image size that no pyramid reaches',
      withSpec({ model: { imageSize: 48 } }),
      '/spec/model/imageSize',
      'incompatible-shape',
    ],
    [
      'one filter for a DCGAN',
      withSpec({ model: { generatorFilters: 1 } }),
      '/spec/model/generatorFilters',
      'incompatible-shape',
    ],
    ['a kind that does not exist', withSpec({ objective: { kind: 'wgan' } }), '/spec/objective/kind', 'not-allowed'],
    ['NUL in a name', { name: 'a\u0000b', ...withSpec({}) }, '/name', 'invalid-string'],
    ['a lone surrogate', { name: 'a\ud800', ...withSpec({}) }, '/name', 'invalid-string'],
    ['a long name', { name: 'x'.repeat(10_000), ...withSpec({}) }, '/name', 'too-long'],
    ['an array for a body', [], '', 'wrong-type'],
  ])('%s', (_, body, pointer, code) => {
    expect(only(body)).toMatchObject({ pointer, code })
  })

  test('a misspelt kind is met with the nearest one', () => {
    expect(only(withSpec({ model: { generator: 'dcgan-nobm' } })).hint).toBe('did you mean "dcgan-nobn"?')
  })

  test('long input is never echoed whole', () => {
    const error = only(withSpec({ ['k'.repeat(5000)]: 1 }))

    expect(JSON.stringify(error).length).toBeLessThan(600)
  })

  test('query parameters are checked as text', () => {
    const parsed = CurveQuery.safeParse({
      from: '-1',
      resolution: '3',
      maxPoints: '1e9',
      smooth: 'median:4',
      metrics: 'w_estimat',
    })

    expect(parsed.success).toBe(false)
    expect(fieldErrors(CurveQuery, parsed.error!.issues).map((error) => error.pointer)).toEqual(
      expect.arrayContaining(['/from', '/resolution', '/maxPoints', '/smooth', '/metrics/0']),
    )
  })
})

describe('nearest', () => {
  test('finds a misspelling and leaves strangers alone', () => {
    expect(nearest('learningrate', ['learningRate', 'batchSize'])).toBe('learningRate')
    expect(nearest('banana', ['learningRate', 'batchSize'])).toBeUndefined()
    expect(nearest('x'.repeat(1e6), ['learningRate'])).toBeUndefined()
  })
})
