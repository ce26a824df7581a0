import { describe, expect, test } from '@jest/globals'
import { CriticKind, GeneratorKind, IMAGE_SIZES, Model, type Model as ModelSpec, networkCosts } from '@kantor/contracts'
import { buildNetworks } from './index.js'
import type { Layer } from './layer.js'
import { fromTorch, sizeOf, toTorch } from './parameter.js'

const networks = (model: Partial<ModelSpec>, channels = 3) => buildNetworks({ ...Model.parse({}), ...model }, channels)

const numTrained = ({ parameters }: Layer) =>
  parameters.filter(({ role }) => role !== 'running').reduce((n, { torchShape }) => n + sizeOf(torchShape), 0)

const numRunning = ({ parameters }: Layer) =>
  parameters.filter(({ role }) => role === 'running').reduce((n, { torchShape }) => n + sizeOf(torchShape), 0)

const names = ({ parameters }: Layer) => parameters.map(({ name }) => name)

describe('networks', () => {
  test('have as many parameters as the authors’', () => {
    expect(numTrained(networks({}).generator)).toBe(3_576_704)
    expect(numTrained(networks({}).critic)).toBe(2_765_568)
    expect(numTrained(networks({ generator: 'dcgan-nobn' }).generator)).toBe(3_574_784)
    expect(numTrained(networks({ critic: 'dcgan-nobn' }).critic)).toBe(2_763_776)
    // As many scales and offsets as batch norm has.
    expect(numTrained(networks({ critic: 'dcgan-ln' }).critic)).toBe(2_765_568)
    expect(numTrained(networks({ generator: 'dcgan-constant' }).generator)).toBe(302_080)
    expect(numTrained(networks({ generator: 'mlp', generatorFilters: 512 }).generator)).toBe(6_880_768)
    // Gulrajani et al. 2017, CIFAR-10: 128 filters, three blocks up; two blocks down and two more.
    const residual = { imageSize: 32, latentSize: 128, generatorFilters: 128, criticFilters: 128 }
    const convolution = 128 * 128 * 9 + 128
    const shortcut = 128 * 128 + 128
    expect(numTrained(networks({ ...residual, generator: 'resnet' }).generator)).toBe(
      129 * 16 * 128 + 3 * (2 * convolution + shortcut + 4 * 128) + 2 * 128 + (9 * 128 + 1) * 3,
    )
    expect(numTrained(networks({ ...residual, critic: 'resnet-sn' }).critic)).toBe(
      9 * 3 * 128 + 128 + convolution + (3 * 128 + 128) + (2 * convolution + shortcut) + 4 * convolution + 129,
    )
    expect(numTrained(networks({ critic: 'dcgan-sn' }).critic)).toBe(2_763_776)
    expect(numTrained(networks({ imageSize: 32 }, 1).generator)).toBe(1_066_880)
    expect(numTrained(networks({ imageSize: 32 }, 1).critic)).toBe(661_248)
  })

  test.each(IMAGE_SIZES)('cost at %i pixels what estimates reckon with', (imageSize) => {
    const small = { imageSize, generatorFilters: 6, criticFilters: 5, latentSize: 3, extraLayers: 2 }
    for (const generator of GeneratorKind.options) {
      for (const critic of CriticKind.options) {
        for (const classes of [undefined, 7]) {
          const model = { ...small, generator, critic, classes }
          const built = networks(model)
          for (const [name, cost] of Object.entries(networkCosts(model, 3)) as [
            'generator' | 'critic',
            { weights: number; statistics: number },
          ][]) {
            expect([cost.weights, cost.statistics]).toEqual([numTrained(built[name]), numRunning(built[name])])
          }
        }
      }
    }
  })

  test('carry the authors’ names, in the order of their modules', () => {
    const { generator, critic } = networks({ imageSize: 16, extraLayers: 1 }, 1)
    expect(names(generator)).toEqual([
      'main.initial:100-128:convt.weight',
      ...batchNormNames('main.initial:128'),
      'main.pyramid:128-64:convt.weight',
      ...batchNormNames('main.pyramid:64'),
      'main.extra-layers-0:64:conv.weight',
      ...batchNormNames('main.extra-layers-0:64'),
      'main.final:64-1:convt.weight',
    ])
    expect(names(critic)).toEqual([
      'main.initial:1-64:conv.weight',
      'main.extra-layers-0:64:conv.weight',
      ...batchNormNames('main.extra-layers-0:64'),
      'main.pyramid:64-128:conv.weight',
      ...batchNormNames('main.pyramid:128'),
      'main.final:128-1:conv.weight',
    ])
    const plain = networks({ imageSize: 16, extraLayers: 1, critic: 'dcgan-nobn' }, 1).critic
    expect(names(plain)).toEqual(names(critic).filter((name) => !name.includes('batchnorm')))
    const mlp = ['0', '2', '4', '6'].flatMap((i) => [`main.${i}.weight`, `main.${i}.bias`])
    expect(names(networks({ generator: 'mlp' }).generator)).toEqual(mlp)
    expect(names(networks({ critic: 'mlp' }).critic)).toEqual(mlp)
  })

  test('an odd number of filters loses its last, as in the authors’ code; one filter is refused', () => {
    expect(names(networks({ imageSize: 16, generatorFilters: 7 }).generator)[0]).toBe(
      'main.initial:100-12:convt.weight',
    )
    expect(() => networks({ generatorFilters: 1 })).toThrow('at least 2')
    for (const generator of ['mlp', 'dcgan-constant'] as const)
      expect(() => networks({ generatorFilters: 1, generator })).not.toThrow()
  })

  test.each(IMAGE_SIZES)('build at %i pixels for every kind, with layouts that invert', (imageSize) => {
    const small = { imageSize, generatorFilters: 4, criticFilters: 4, latentSize: 3, extraLayers: 1 }
    const built = [
      ...GeneratorKind.options.map((generator) => networks({ ...small, generator }).generator),
      ...CriticKind.options.map((critic) => networks({ ...small, critic }).critic),
    ]
    for (const { parameters } of built) {
      expect(new Set(parameters.map(({ name }) => name)).size).toBe(parameters.length)
      for (const { torchShape, layout } of parameters) {
        const size = sizeOf(torchShape)
        expect([sizeOf(layout.view), sizeOf(layout.shape)]).toEqual([size, size])
        if (size > 50_000) continue
        const numbers = Float32Array.from({ length: size }, (_, i) => i)
        expect(Buffer.compare(bytesOf(toTorch(fromTorch(numbers, layout), layout)), bytesOf(numbers))).toBe(0)
      }
    }
  })
})

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer)

const batchNormNames = (prefix: string) =>
  ['weight', 'bias', 'running_mean', 'running_var'].map((name) => `${prefix}:batchnorm.${name}`)
