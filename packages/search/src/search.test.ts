import { describe, expect, test } from '@jest/globals'
import { Search, specPaths } from '@kantor/contracts'
import fc from 'fast-check'
import { countConfigurations, listConfigurations, type SettledSearch } from './index.js'

const path = fc.constantFrom(...specPaths)
const scalar = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), fc.boolean())
const values = fc.uniqueArray(scalar, { minLength: 1, maxLength: 5 })
const ends = (number: fc.Arbitrary<number>) =>
  fc
    .tuple(number, number)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))
const double = (min: number, max: number) => fc.double({ min, max, noNaN: true })

const grid = fc
  .dictionary(
    path,
    values.map((list) => ({ values: list })),
    { minKeys: 1, maxKeys: 5, noNullPrototype: true },
  )
  .map((parameters): SettledSearch => ({ kind: 'grid', parameters }))
const parameter = fc.oneof(
  values.map((list) => ({ values: list })),
  ends(double(-1e300, 1e300)).map((uniform) => ({ uniform })),
  ends(double(1e-300, 1e300)).map((logUniform) => ({ logUniform })),
  ends(fc.integer()).map((int) => ({ int })),
)
const random = fc
  .record({
    trials: fc.integer({ min: 1, max: 50 }),
    seed: fc.nat(),
    parameters: fc.dictionary(path, parameter, { minKeys: 1, maxKeys: 5, noNullPrototype: true }),
  })
  .map((given): Extract<SettledSearch, { kind: 'random' }> => ({ kind: 'random', ...given }))

describe('grid', () => {
  test('the count is that of the expansion, and no combination comes twice', () => {
    fc.assert(
      fc.property(grid, (search) => {
        const configurations = listConfigurations(search)
        expect(BigInt(configurations.length)).toBe(countConfigurations(search))
        expect(new Set(configurations.map((one) => JSON.stringify(one))).size).toBe(configurations.length)
      }),
    )
  })

  test('10^60 configurations are counted as they are', () => {
    const list = { values: Array.from({ length: 1000 }, (_, i) => i) }
    const parameters = Object.fromEntries(specPaths.slice(0, 20).map((one) => [one, list]))

    expect(countConfigurations({ kind: 'grid', parameters })).toBe(10n ** 60n)
  })

  test('the last parameter changes fastest', () => {
    const parameters = { batchSize: { values: [32, 64] }, 'model.critic': { values: ['dcgan', 'mlp'] } }

    expect(listConfigurations({ kind: 'grid', parameters }).map(Object.values)).toEqual([
      [32, 'dcgan'],
      [32, 'mlp'],
      [64, 'dcgan'],
      [64, 'mlp'],
    ])
  })
})

const twenty = (seed: number): SettledSearch => ({
  kind: 'random',
  trials: 20,
  seed,
  parameters: { batchSize: { uniform: { min: 0, max: 1 } } },
})

describe('random', () => {
  test('every value is one that its parameter allows', () => {
    fc.assert(
      fc.property(random, (search) => {
        expect(Search.safeParse(search).error).toBeUndefined()
        const configurations = listConfigurations(search)
        expect(configurations).toHaveLength(search.trials)
        for (const [key, { values: list, ...ranges }] of Object.entries(search.parameters))
          for (const configuration of configurations) {
            const value = configuration[key]!
            const range = Object.values(ranges)[0]
            const fits = range ? Number(value) >= range.min && Number(value) <= range.max : list!.includes(value)
            expect(fits).toBe(true)
            if (ranges.int) expect(value).toBe(Math.trunc(Number(value)))
          }
      }),
    )
  })

  test('the same seed draws the same, more trials go on from there, another parameter changes no other', () => {
    fc.assert(
      fc.property(random, path, parameter, (search, another, its) => {
        fc.pre(!(another in search.parameters))
        const drawn = listConfigurations(search)
        expect(listConfigurations(structuredClone(search))).toEqual(drawn)
        expect(listConfigurations({ ...search, trials: search.trials + 7 }).slice(0, search.trials)).toEqual(drawn)
        const wider = listConfigurations({ ...search, parameters: { [another]: its, ...search.parameters } })
        expect(wider).toMatchObject(drawn)
      }),
    )
  })

  test('another seed draws otherwise', () => {
    expect(listConfigurations(twenty(1))).not.toEqual(listConfigurations(twenty(2)))
  })

  /** Kolmogorov and Smirnov's statistic against the uniform distribution on [0, 1]; 1.95 / √n has a chance of 0.1 %. */
  test.each([
    ['uniform', (value: number) => (value + 3) / 8, { uniform: { min: -3, max: 5 } }],
    ['logUniform', (value: number) => Math.log10(value / 1e-6) / 4, { logUniform: { min: 1e-6, max: 1e-2 } }],
    ['int', (value: number) => (value + 0.5) / 1000, { int: { min: 0, max: 999 } }],
  ])('%s fills its range evenly', (_, toUnit, its) => {
    const trials = 10_000
    const search: SettledSearch = { kind: 'random', trials, seed: 7, parameters: { batchSize: its } }
    const sorted = listConfigurations(search)
      .map(({ batchSize }) => toUnit(batchSize as number))
      .sort((a, b) => a - b)
    const distances = sorted.map((u, i) => Math.max(Math.abs(u - i / trials), Math.abs((i + 1) / trials - u)))

    expect(Math.max(...distances)).toBeLessThan(1.95 / Math.sqrt(trials))
  })

  test('each of a list comes about as often as the others', () => {
    const search: SettledSearch = {
      kind: 'random',
      trials: 9000,
      seed: 3,
      parameters: { 'model.critic': { values: ['dcgan', 'dcgan-ln', 'mlp'] } },
    }
    const counts = new Map<unknown, number>()
    for (const one of listConfigurations(search))
      counts.set(one['model.critic'], (counts.get(one['model.critic']) ?? 0) + 1)
    // Three standard deviations of a binomial with n = 9000, p = 1/3 are 134.
    for (const count of counts.values()) expect(Math.abs(count - 3000)).toBeLessThan(134)
    expect(counts.size).toBe(3)
  })
})
