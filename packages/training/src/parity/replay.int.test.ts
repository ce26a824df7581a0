import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow, tf } from '@kantor/engine'
import { readSafetensors, writeSafetensors } from '../checkpoint/safetensors.js'
import { alter } from '../testing/runs.js'
import { parityBars, replayParity } from './replay.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const directory = resolve('packages/training/fixtures/parity')
const files = readdirSync(directory).map((name) => join(directory, name))
const read = (name: string) => readFileSync(join(directory, `${name}.safetensors`))

const withConfig = (bytes: Uint8Array, changes: object) => {
  const { tensors, metadata } = readSafetensors(bytes)
  const config = { ...JSON.parse(metadata['config'] ?? '{}'), ...changes }
  return writeSafetensors(tensors, { ...metadata, config: JSON.stringify(config) })
}

describe('replayParity', () => {
  test.each(files)('%s: agrees with PyTorch, op by op and compiled', (file) => {
    const before = tf.memory().numTensors
    const { eager, compiled, pass } = replayParity(readFileSync(file))
    for (const [name, bar] of Object.entries(parityBars)) {
      expect(eager[name as keyof typeof eager]).toBeLessThanOrEqual(bar)
    }
    expect(compiled).toEqual(eager)
    expect(pass).toBe(true)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('there are files', () => expect(files.filter((file) => existsSync(file)).length).toBeGreaterThanOrEqual(5))

  test.each([
    ['the clip', { clip: 0.02 }],
    ['the critic’s rate', { lrCritic: 1e-4 }],
    ['the optimizer', { optimizer: 'rmsprop' }],
    ['Adam’s β₁', { beta1: 0.4 }],
  ])('a file that was made with another %s fails', (_what, changes) => {
    expect(replayParity(withConfig(read('dcgan16-adam-tail'), changes)).pass).toBe(false)
  })

  test.each([
    ['gp-mlp16', { gpLambda: 9 }],
    ['gp-nobn32-extra1-tail', { gpLambda: 9 }],
    ['gp-batchnorm-rmsprop', { gpLambda: 9 }],
    ['gp-one-sided', { gpSides: 2 }],
    ['gp-one-sided', { gpLambda: 0 }],
  ])('%s with %o fails: the penalty moved the weights', (name, changes) => {
    expect(replayParity(withConfig(read(name), changes)).pass).toBe(false)
  })

  test.each([
    [{ loss: 'hinge' }, 'not supported yet: loss "hinge" (supported: clip, gp)'],
    [{ critic: 'transformer' }, 'not supported yet: critic "transformer" (supported: dcgan, '],
    [{ gpSides: 3 }, 'not supported yet: gpSides 3 (supported: 1, 2)'],
    [{ loss: 'gp' }, 'batch/0/epsilon'],
    [{ imageSize: 'big' }, 'no valid imageSize'],
    [{ ngf: 6 }, 'netG/'],
  ])('%o is refused with the reason', (changes, message) => {
    expect(() => replayParity(withConfig(read('nobn16-tail'), changes))).toThrow(message)
  })

  test.each(['batch/', 'generator/', 'sample/'])('conditional networks on other classes of %s fail', (of) => {
    const names = new RegExp(`^${of}.*classes$`)
    expect(replayParity(alter(read('conditional-clip16-tail'), names, (one) => (one + 1) % 3)).pass).toBe(false)
  })

  test('a file without config is no parity file', () => {
    expect(() => replayParity(writeSafetensors([], {}))).toThrow('not a parity file')
  })
})
