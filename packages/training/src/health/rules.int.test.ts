// For every rule a network in which its cause is planted, measured as a run measures it, and one that fares well.
import { beforeAll, describe, expect, test } from '@jest/globals'
import {
  diagnosticCatalogue,
  type DiagnosticName,
  type HealthRule,
  type HealthRuleName,
  healthRules,
  type JobSpec,
  RISE_OVER,
  runtimeCatalogue,
} from '@kantor/contracts'
import { loadTensorFlow, tf } from '@kantor/engine'
import type { ImageSource } from '../events.js'
import { createGame, type Game } from '../game.js'
import { sample } from '../sampling.js'
import { aSpec, collect, only, someImages } from '../testing/runs.js'
import { type Measured, measuredIn, noise, type Scene, set } from '../testing/scenes.js'
import { holds, sizesOf, type Windows } from './judge.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const common = { batchSize: 16, sampling: { every: 1000, count: 16 } }
const clipped = (objective: object = {}, changes: object = {}) =>
  aSpec({ ...common, objective: { kind: 'wgan-clip', ...objective }, ...changes })
const penalised = (optimizer: object = {}) =>
  aSpec({
    ...common,
    model: { ...aSpec().model, critic: 'mlp', criticFilters: 32 },
    objective: { kind: 'wgan-gp' },
    optimizer: { kind: 'adam', criticLearningRate: 1e-3, generatorLearningRate: 1e-4, ...optimizer },
  })

/** Images with contrast, each another: an untrained generator's are nearly grey. */
const varied = ({ generator }: Game) => set(generator, /final/, (value) => 40 * value)
const criticTimes =
  (factor: number) =>
  ({ critic }: Game) =>
    set(critic, /main\.6\.weight/, (value) => factor * value)
const change =
  (...changes: ((game: Game) => void)[]) =>
  (game: Game) =>
    changes.forEach((one) => one(game))

/** A critic that has learned, under a penalty, against a generator of varied images. */
const learned = (plant: Scene['change'] = () => undefined, spec = penalised()) =>
  measuredIn({ spec, learned: 60, change: change(varied, plant) })
const once = <T>(make: () => T) => {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}
const healthy = once(() => learned())
const healthyClipped = once(() => measuredIn({ spec: clipped(), change: varied }))
const lost = once(() => learned(({ critic }) => set(critic, /main\.6\.weight/, () => NaN)))
const onePoint = once(() => learned(({ generator }) => set(generator, /initial/, () => 0)))

/** Its next update is none: what was planted stays. */
const still = ({ critic }: Game): void => {
  critic.optimizer.rateScale = 0
}

const uphill = ({ generator }: Game): void => {
  generator.optimizer.rateScale = -1
}
const evenImages = (brightness: number): ImageSource => ({
  ...someImages(64),
  read: (indices) => new Uint8Array(256 * indices.length).fill(brightness),
})

/** Two hidden layers of the critic pass on what they get, times this much. */
const hidden =
  (factor: number) =>
  ({ critic }: Game) => {
    set(critic, /main\.[24]\.weight/, (_, i) => (i % 33 === 0 ? factor : 0))
    // Every unit stays on.
    set(critic, /main\.[024]\.bias/, () => 100)
  }
/** The optimizer remembers a gradient the wrong way round. */
const backwards = ({ critic }: Game) => {
  for (const mean of critic.optimizer.slots[0]!.values) mean.assign(tf.tidy(() => tf.mul(-100, mean)))
}

/** Real images that this very generator made: all that tells them from generated ones is chance. */
const ownImages = (spec: JobSpec): ImageSource => {
  const game = createGame(spec, 1)
  varied(game)
  const made = sample(game, { ...spec, sampling: { every: 1, count: 256 } }, { step: 0, channels: 1, dtype: 'uint8' })
  game.dispose()
  const read = (indices: Int32Array) => {
    const pixels = new Uint8Array(256 * indices.length)
    indices.forEach((index, n) => pixels.set(made.images.subarray(256 * index, 256 * (index + 1)), 256 * n))
    return pixels
  }
  return { ...someImages(256), read }
}
/** Medians over several seeds: a single estimate may be anything where it is chance. */
const reached = (): Measured => {
  const seen = [1, 2, 3, 4, 5, 6, 7].map((seed) => {
    const spec = { ...penalised(), seed }
    return measuredIn({ spec, images: ownImages(spec), learned: 20, change: varied })
  })
  const middle = (name: 'w_estimate' | 'w_floor') =>
    seen.map((one) => Math.abs(one[name]!)).toSorted((x, y) => x - y)[3]
  return { w_estimate: middle('w_estimate'), w_floor: middle('w_floor') }
}

const burst = async (criticLearningRate: number): Promise<Measured> => {
  const spec = aSpec({
    schedule: { criticSteps: 1, warmup: { generatorSteps: 1, criticSteps: 30 }, every: { generatorSteps: 0 } },
    optimizer: { kind: 'rmsprop', criticLearningRate },
    batchSize: 32,
    budget: { generatorSteps: 1 },
  })
  return only(await collect({ spec, images: someImages(960) }), 'point')[0]!.point.diagnostics!
}

const seenTwice = async (numImages: number): Promise<Measured> => {
  const spec = aSpec({
    model: { ...aSpec().model, critic: 'mlp', criticFilters: 64 },
    objective: { kind: 'wgan-gp', lambda: 0.1 },
    optimizer: { kind: 'adam', criticLearningRate: 2e-3, generatorLearningRate: 1e-5 },
    schedule: { criticSteps: 2, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    batchSize: 16,
    budget: { generatorSteps: 100 },
    heldOut: 64,
  })
  return only(await collect({ spec, images: noise(numImages + 64) }), 'point').at(-1)!.point.diagnostics!
}

type Seen = Measured | readonly [before: Measured, after: Measured]
interface Case {
  /** What is measured where the cause is planted. A `rise` compares two. */
  ill: () => Seen | Promise<Seen>
  well: () => Seen | Promise<Seen>
}
const after = (plant: Scene['change']) => (): Seen => [healthy(), learned(plant)]
const unchanged = (): Seen => [healthy(), healthy()]

const cases: Record<HealthRuleName, Case> = {
  'estimate-not-finite': { ill: lost, well: healthy },
  'generator-loss-not-finite': { ill: lost, well: healthy },
  'critic-gradient-not-finite': { ill: lost, well: healthy },
  'generator-gradient-not-finite': { ill: lost, well: healthy },
  'estimate-doubled': { ill: after(criticTimes(3)), well: unchanged },
  'generator-gradient-exploded': { ill: after(criticTimes(1000)), well: unchanged },
  'critic-update-as-large-as-weights': {
    ill: () => measuredIn({ spec: penalised({ criticLearningRate: 0.2 }) }),
    well: healthy,
  },
  'penalty-slope-exceeded': { ill: () => learned(criticTimes(30), penalised()), well: healthy },
  'critic-climbs': { ill: () => learned(backwards), well: healthy },
  'critic-gradient-explodes-by-layer': { ill: () => learned(hidden(1e4)), well: () => learned(hidden(1)) },
  'scores-drown-estimate': {
    ill: () => learned(({ critic }) => set(critic, /main\.6\.bias/, () => 1e6)),
    well: healthy,
  },
  'samples-alike': { ill: onePoint, well: healthy },
  'samples-repeated': { ill: onePoint, well: healthy },
  'images-even': {
    ill: () => learned(({ generator }) => set(generator, /final/, (value) => 1e-3 * value)),
    well: healthy,
  },
  'critic-knows-images': { ill: () => seenTwice(32), well: () => seenTwice(4000) },
  'weights-on-bound': { ill: () => measuredIn({ spec: clipped({ clip: 1e-4 }) }), well: healthyClipped },
  'critic-flat': { ill: () => learned(change(criticTimes(0), still)), well: healthy },
  'critic-gradient-vanishes-by-layer': { ill: () => learned(hidden(1e-4)), well: () => learned(hidden(1)) },
  'critic-channel-dead': {
    ill: () =>
      measuredIn({
        spec: clipped(),
        change({ critic }) {
          set(critic, /pyramid.*conv\.weight/, () => 0)
          set(critic, /running_var/, () => 0)
        },
      }),
    well: healthyClipped,
  },
  'generator-gradient-vanished': { ill: after(change(criticTimes(1e-6), still)), well: unchanged },
  'images-black-and-white': {
    ill: () => learned(({ generator }) => set(generator, /final/, (value) => 1e6 * value)),
    well: healthy,
  },
  'estimate-negative': { ill: () => learned(criticTimes(-1)), well: healthy },
  'burst-helps': { ill: () => burst(1e-3), well: () => burst(1e-12) },
  'critic-hardly-moves': { ill: () => learned(undefined, penalised({ criticLearningRate: 1e-9 })), well: healthy },
  'clip-bound-not-met': { ill: () => measuredIn({ spec: clipped({ clip: 1 }) }), well: healthyClipped },
  'estimate-is-noise': { ill: reached, well: healthy },
}

/** Diagnostics that no rule looks at: what people would be alarmed by, and what not. */
const others: Partial<
  Record<DiagnosticName, { ill: () => Measured; well: () => Measured; above?: number; below?: number }>
> = {
  real_sd: { ill: () => measuredIn({ spec: penalised(), images: evenImages(90) }), well: healthy, below: 1e-6 },
  fake_sd: { ill: onePoint, well: healthy, below: 1e-6 },
  clipped_scale_share: {
    ill: healthyClipped,
    well: () => measuredIn({ spec: clipped({ clip: 10 }) }),
    above: 0.99,
  },
  critic_weight_norm: {
    ill: () => learned(({ critic }) => set(critic, /weight/, (value) => 100 * value)),
    well: healthy,
    above: 100,
  },
  gen_weight_norm: {
    ill: () => learned(({ generator }) => set(generator, /weight/, (value) => 100 * value)),
    well: healthy,
    above: 100,
  },
  gen_update_ratio: {
    ill: () => learned(undefined, penalised({ generatorLearningRate: 0.5 })),
    well: healthy,
    above: 0.1,
  },
  gen_update_cosine: { ill: () => learned(uphill), well: healthy, below: 0 },
  gen_mean_shift: {
    ill: () => measuredIn({ spec: penalised(), images: evenImages(250) }),
    well: healthy,
    above: 0.6,
  },
  slope_fake: { ill: () => learned(change(criticTimes(1000), still)), well: healthy, above: 10 },
  slope_max: { ill: () => learned(change(criticTimes(1000), still)), well: healthy, above: 10 },
  lipschitz_bound: { ill: () => learned(change(criticTimes(1000), still)), well: healthy, above: 100 },
}

/** As many values of each series as the rule looks at. */
function windowsOf(rule: HealthRule, seen: Seen): Windows {
  const [before, now] = 'length' in seen ? seen : [seen, seen]
  return Object.fromEntries(
    sizesOf(rule).map(([name, size]) => {
      const values = Array.from({ length: size }, (_, i) => (size - i > RISE_OVER ? before : now)[name])
      return [name, values.flatMap((value) => (value === undefined ? [] : [Number.isFinite(value) ? value : null]))]
    }),
  )
}

describe('of a planted cause and of networks that fare well', () => {
  test('every rule has its two cases', () => {
    expect(Object.keys(cases).toSorted()).toEqual(Object.keys(healthRules).toSorted())
  })

  test.each(Object.entries(cases) as [HealthRuleName, Case][])(
    '%s fires on the first and not on the second',
    async (name, { ill, well }) => {
      const rule = healthRules[name]
      const [bad, good] = [windowsOf(rule, await ill()), windowsOf(rule, await well())]
      expect({ bad: holds(rule, bad), good: holds(rule, good) }).toEqual({ bad: true, good: false })
      // Not for want of values.
      if (name !== 'burst-helps') expect(good[rule.signal]).toHaveLength(sizesOf(rule)[0]![1])
    },
    300_000,
  )

  test('every diagnostic but those of the machine has them too', () => {
    const ruled = Object.values(healthRules).flatMap((rule) => sizesOf(rule).map(([name]) => name as string))
    const measured = Object.keys(diagnosticCatalogue).filter((name) => !(name in runtimeCatalogue))
    expect(measured.filter((name) => !ruled.includes(name)).toSorted()).toEqual(Object.keys(others).toSorted())
  })

  test.each(Object.entries(others))('%s', (name, { ill, well, above = Infinity, below = -Infinity }) => {
    const isBeyond = (seen: Measured) => {
      const value = seen[name as DiagnosticName]!
      expect(value).not.toBeNaN()
      return value > above || value < below
    }
    expect([isBeyond(ill()), isBeyond(well())]).toEqual([true, false])
  })
})
