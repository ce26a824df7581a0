import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Diagnostics, JobSpec } from '@kantor/contracts'
import { loadTensorFlow, pinnedLowerings, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '@kantor/engine'
import { readSafetensors } from '../checkpoint/safetensors.js'
import type { ImageSource, TrainEvent } from '../events.js'
import { createGame, type Game } from '../game.js'
import { watchedCriticStep } from '../step/critic-step.js'
import { nextCoefficients } from '../step/eager-stepper.js'
import { watchedGeneratorStep } from '../step/generator-step.js'
import { createStepper } from '../step/stepper.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import { noise, set } from '../testing/scenes.js'
import { criticFigures } from './critic-look.js'
import { createDiagnosis, probeShape } from './diagnosis.js'
import { createProbes } from './probes.js'
import { updateFigures } from './update-sums.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

const weights = (events: TrainEvent[]) => [...readSafetensors(lastCheckpoint(events)).tensors]
const losses = (events: TrainEvent[]) => only(events, 'point').map(({ point }) => [point.step, ...point.values])
const measured = (events: TrainEvent[]) =>
  only(events, 'point').map(({ point }) => [point.step, point.diagnostics] as const)

describe.each([
  { objective: 'wgan-clip', optimizer: 'rmsprop', engine: 'compiled' },
  { objective: 'wgan-clip', optimizer: 'adam', engine: 'eager' },
  { objective: 'wgan-gp', optimizer: 'adam', engine: 'compiled' },
] as const)('measuring, $engine, $objective, $optimizer', ({ objective, optimizer, engine }) => {
  const options = {
    spec: aSpec({
      objective: { kind: objective },
      optimizer: { kind: optimizer },
      sampling: { every: 25, count: 8 },
      budget: { generatorSteps: 101 },
      heldOut: 9,
    }),
    images: someImages(53),
    engine,
  }

  test('leaves curve, samples and every weight as they are, to the bit; a resumed run repeats it', async () => {
    const [watched, plain] = [await collect(options), await collect({ ...options, diagnostics: false })]
    expect(weights(watched)).toEqual(weights(plain))
    expect(only(watched, 'sample')).toEqual(only(plain, 'sample'))
    expect(losses(watched)).toEqual(losses(plain))
    expect(only(plain, 'point')[0]!.point.diagnostics).toBeUndefined()

    const half = await collect({ ...options, stopAfter: 47 })
    const rest = await collect({ ...options, resume: lastCheckpoint(half) })
    expect(measured(rest)).toEqual(measured(watched).slice(47))
    expect(Buffer.compare(lastCheckpoint(rest), lastCheckpoint(watched))).toBe(0)

    // Each figure at its interval.
    const stepsWith = (name: keyof Diagnostics) =>
      measured(watched).flatMap(([step, figures]) => (figures?.[name] === undefined ? [] : [step]))
    expect(stepsWith('gen_gradient_norm')).toHaveLength(101)
    expect(stepsWith('clipped_share')).toHaveLength(objective === 'wgan-clip' ? 101 : 0)
    expect(stepsWith('slope_between')).toEqual([50, 100])
    for (const name of ['layer_slope', 'w_floor', 'overfit_gap'] as const) expect(stepsWith(name)).toEqual([100])
    expect(stepsWith('diversity')).toEqual([25, 50, 75, 100])
    for (const [, figures] of measured(watched)) expect(Object.values(figures!).every(Number.isFinite)).toBe(true)
  }, 300_000)
})

/** Weights and images of our own making. */
interface Scene {
  spec?: Record<string, unknown>
  change?: (game: Game) => void
  /** [−1, 1]. */
  real?: Tensor4D
}
const noiseImages = (spread = 1, mean = 0) =>
  tf.add(tf.mul(tf.randomUniform([8, 16, 16, 1], -1, 1, 'float32', 4), spread), mean) as Tensor4D
const even = (value: number) => tf.mul(tf.ones([8, 16, 16, 1]), value) as Tensor4D
const latents = () => tf.randomNormal([8, 4], 0, 1, 'float32', 3) as Tensor2D

function criticStepOf({ spec = {}, change, real }: Scene): Diagnostics {
  return tf.tidy(() => {
    const game = createGame(aSpec(spec), 1)
    change?.(game)
    const coefficients = nextCoefficients(game.critic.optimizer)
    const factorsN = tf.mul(tf.ones([8]), 0.5) as Tensor1D
    const inputs = { realNHWC: real ?? noiseImages(), latentNZ: latents(), factorsN, coefficients }
    const figures = criticFigures(game, watchedCriticStep(game, inputs).look.dataSync())
    game.dispose()
    return figures
  })
}
const generatorStepOf = ({ spec = {}, change }: Scene) =>
  updateFigures(
    tf.tidy(() => {
      const game = createGame(aSpec(spec), 1)
      change?.(game)
      const coefficients = nextCoefficients(game.generator.optimizer)
      const { look } = watchedGeneratorStep(game, { latentNZ: latents(), coefficients })
      const sums = look.dataSync<'float32'>()
      game.dispose()
      return sums
    }),
  )
const mute = ({ generator }: Game) => set(generator, /final/, () => 0)
const quiet = ({ generator }: Game) => set(generator, /final/, (value) => value * 1e-3)
const loud = ({ generator }: Game) => set(generator, /final/, (value) => value * 1e4)
const flatCritic = ({ critic }: Game) => set(critic, /final/, () => 0)
const criticOfOnes = ({ critic }: Game) => set(critic, /weight|bias/, () => 1)
const generatorOfOnes = ({ generator }: Game) => set(generator, /weight|bias/, () => 1)
const dead = ({ critic }: Game) => {
  set(critic, /pyramid.*conv\.weight/, () => 0)
  set(critic, /running_var/, () => 0)
}
const adam = (changes: object) => ({ optimizer: { kind: 'adam', ...changes } })
const clip = (changes: object) => ({ objective: { kind: 'wgan-clip', ...changes } })
const wide = { model: { ...aSpec().model, criticFilters: 64 } }

describe('of every critic step', () => {
  test('clipped_share: 61.7 % of N(0, 0.02) lie on ±0.01 after the first clamp, before or after the update; nothing on ±1', () => {
    for (const clamp of ['before', 'after'] as const) {
      const { clipped_share } = criticStepOf({ spec: { ...wide, ...clip({ clamp, clipBatchNorm: false }) } })
      // After the update it has moved by up to 5e-4.
      expect(Math.abs(clipped_share! - 0.617)).toBeLessThan(clamp === 'before' ? 0.01 : 0.03)
    }
    expect(criticStepOf({ spec: { ...wide, ...clip({ clip: 1, clipBatchNorm: false }) } }).clipped_share).toBe(0)
    expect(criticStepOf({ spec: { objective: { kind: 'wgan-gp' } } })).not.toHaveProperty('clipped_share')
  })
  test('clipped_share_min: one layer within the bound is what counts, however many are on it', () => {
    const spec = { ...wide, ...clip({ clamp: 'before', clipBatchNorm: false }) }
    const small = criticStepOf({ spec, change: ({ critic }) => set(critic, /initial/, (value) => value * 1e-3) })
    const all = criticStepOf({ spec, change: ({ critic }) => set(critic, /conv\.weight/, (value) => value * 1e3) })
    const free = criticStepOf({ spec })
    expect(small).toMatchObject({ clipped_share_min: 0 })
    expect(small.clipped_share).toBeGreaterThan(0.5)
    expect(all.clipped_share_min).toBeGreaterThan(0.95)
    expect(Math.abs(free.clipped_share_min! - 0.617)).toBeLessThan(0.05)
    expect(criticStepOf({ spec: { objective: { kind: 'wgan-gp' } } })).not.toHaveProperty('clipped_share_min')
  })
  test('clipped_scale_share: every scale of a batch norm is on ±0.01 at first, none on ±10, and free ones are not told of', () => {
    expect(criticStepOf({}).clipped_scale_share).toBe(1)
    expect(criticStepOf({ spec: clip({ clip: 10 }) }).clipped_scale_share).toBe(0)
    expect(criticStepOf({ spec: clip({ clipBatchNorm: false }) })).not.toHaveProperty('clipped_scale_share')
  })
  test('min_variance: a channel without input has none', () => {
    expect(criticStepOf({ change: dead }).min_variance).toBeLessThan(1e-6)
    expect(criticStepOf({}).min_variance).toBeGreaterThan(1e-3)
  })
  test('real_sd, fake_sd: scores that differ, and scores that cannot', () => {
    const spread = criticStepOf({})
    expect(spread.real_sd).toBeGreaterThan(1e-6)
    expect(spread.fake_sd).toBeGreaterThan(1e-6)
    expect(criticStepOf({ real: even(0.5) }).real_sd).toBeLessThan(1e-9)
    expect(criticStepOf({ change: mute }).fake_sd).toBeLessThan(1e-9)
  })
  test('critic_update_ratio follows the learning rate; critic_update_cosine is below 0 when momentum pulls the other way', () => {
    expect(criticStepOf({ spec: adam({ beta1: 0.9, criticLearningRate: 0.1 }) }).critic_update_ratio).toBeGreaterThan(
      0.1,
    )
    expect(criticStepOf({ spec: adam({ beta1: 0.9, criticLearningRate: 1e-9 }) }).critic_update_ratio).toBeLessThan(
      1e-6,
    )
    const fresh = criticStepOf({ spec: adam({ beta1: 0.9, criticLearningRate: 1e-3 }) })
    expect(fresh.critic_update_cosine).toBeGreaterThan(0.1)

    const against = (game: Game) => {
      const latentNZ = latents()
      const copy = createGame(aSpec(adam({ beta1: 0.9, criticLearningRate: 1e-3 })), 1)
      watchedCriticStep(copy, {
        realNHWC: noiseImages(),
        latentNZ,
        coefficients: nextCoefficients(copy.critic.optimizer),
      })
      // Ten times the first moment of one step on this very batch, the wrong way round.
      const [mean, square] = copy.critic.optimizer.slots
      mean!.values.forEach((value, i) => {
        game.critic.optimizer.slots[0]!.values[i]!.assign(tf.mul(value, -100))
        game.critic.optimizer.slots[1]!.values[i]!.assign(tf.add(square!.values[i]!, 0))
      })
      copy.dispose()
    }
    expect(
      criticStepOf({ spec: adam({ beta1: 0.9, criticLearningRate: 1e-3 }), change: against }).critic_update_cosine,
    ).toBeLessThan(-0.1)
  })
  test('critic_weight_norm and critic_gradient_norm are the norms of all weights and their gradient', () => {
    const game = createGame(aSpec(clip({ clip: 10 })), 1)
    const count = game.critic.trained.reduce((sum, { variable }) => sum + variable.size, 0)
    game.dispose()
    expect(criticStepOf({ spec: clip({ clip: 10 }), change: criticOfOnes }).critic_weight_norm).toBeCloseTo(
      Math.sqrt(count),
      3,
    )
    expect(criticStepOf({}).critic_gradient_norm).toBeGreaterThan(1e-3)
    // Real and fake alike: nothing tells them apart.
    expect(criticStepOf({ change: mute, real: even(0) }).critic_gradient_norm).toBeLessThan(1e-9)
  })
  test('gen_saturated_share, gen_mean_shift, gen_sd_ratio: a generator at its bounds, one of another brightness, an even one', () => {
    expect(criticStepOf({ change: loud }).gen_saturated_share).toBeGreaterThan(0.9)
    const like = criticStepOf({ real: noiseImages(0.01) })
    expect(like.gen_saturated_share).toBe(0)
    expect(criticStepOf({ real: noiseImages(0.1, 0.8) }).gen_mean_shift).toBeGreaterThan(0.6)
    expect(like.gen_mean_shift).toBeLessThan(0.1)
    expect(criticStepOf({ change: quiet }).gen_sd_ratio).toBeLessThan(0.01)
    expect(like.gen_sd_ratio).toBeGreaterThan(0.1)
  })
})

test('of every generator step: the gradient vanishes under a critic without slope, and the update with the learning rate', () => {
  expect(generatorStepOf({ change: flatCritic })).toMatchObject({ gradientNorm: 0, cosine: undefined })
  const usual = generatorStepOf({})
  expect(usual.gradientNorm).toBeGreaterThan(1e-4)
  expect(usual.cosine).toBeGreaterThan(0.1)
  expect(generatorStepOf({ spec: adam({ generatorLearningRate: 0.5 }) }).ratio).toBeGreaterThan(0.1)
  expect(generatorStepOf({ spec: adam({ generatorLearningRate: 1e-10 }) }).ratio).toBeLessThan(1e-6)
  const count = Math.round(generatorStepOf({ change: generatorOfOnes }).weightNorm ** 2)
  expect(count).toBeGreaterThan(500)
})

/** Looks as a run takes them, at a step at which all are due. */
function looksAt(
  spec: JobSpec,
  images: ImageSource = someImages(64),
  change: (game: Game) => void = () => undefined,
): Diagnostics {
  const game = createGame(spec, 1)
  change(game)
  const split = { training: images, heldOut: null }
  const probes = createProbes(game, probeShape(spec, split))
  const stepper = createStepper('eager', game, spec, { images, chooser: pinnedLowerings(), probes })
  const found = createDiagnosis(spec, split, stepper).at(100)
  stepper.dispose()
  game.dispose()
  return found
}
const mlp = aSpec({ model: { ...aSpec().model, critic: 'mlp', criticFilters: 32 }, objective: { kind: 'wgan-gp' } })

const scaled = (by: number) =>
  looksAt(mlp, undefined, ({ critic }) => set(critic, /main\.6\.weight/, (value) => by * value))
const hidden =
  (scale: number) =>
  ({ critic }: Game) => {
    // The identity passes what a ReLU lets through; offsets of 1 keep every unit on.
    set(critic, /main\.[24]\.weight/, (_, i) => (i % 33 === 0 ? scale : 0))
    set(critic, /main\.[024]\.bias/, () => 100)
  }

describe('now and then', () => {
  test('slopes grow with the critic’s last layer, and are none of a flat one', () => {
    const [usual, steep, level] = [scaled(1), scaled(1000), scaled(0)]
    for (const name of ['slope_real', 'slope_fake', 'slope_between', 'slope_max'] as const) {
      expect(steep[name]! / usual[name]!).toBeCloseTo(1000, 0)
      expect(level[name]).toBe(0)
    }
    expect(usual.slope_max).toBeGreaterThanOrEqual(usual.slope_between!)
  })
  test('layer_slope: small weights lose the gradient on its way down, large ones blow it up, orthogonal ones keep it', () => {
    expect(looksAt(mlp, undefined, hidden(0.01)).layer_slope).toBeGreaterThan(0.5)
    expect(looksAt(mlp, undefined, hidden(100)).layer_slope).toBeLessThan(-0.5)
    expect(Math.abs(looksAt(mlp, undefined, hidden(1)).layer_slope!)).toBeLessThan(0.5)
  })
  test('lipschitz_bound: no slope of a critic without norms exceeds it, and critics with a norm have none', () => {
    for (const critic of ['mlp', 'dcgan-nobn', 'dcgan-sn'] as const) {
      const model = { ...aSpec().model, critic, criticFilters: 16, extraLayers: critic === 'mlp' ? 0 : 1 }
      for (const factor of [1, 30]) {
        const steeper = (game: Game) => set(game.critic, /weight$/, (value) => factor * value)
        const { lipschitz_bound: bound, slope_max: slope } = looksAt(aSpec({ model }), undefined, steeper)
        expect(slope).toBeGreaterThan(0)
        expect(bound!).toBeGreaterThan(slope!)
      }
    }
    // Spectral norm holds each σ at about 1: only the patches' overlap is left, 2 · 2 · 3 and the score.
    const spectral = looksAt(aSpec({ model: { ...aSpec().model, critic: 'dcgan-sn' } })).lipschitz_bound!
    expect(spectral).toBeGreaterThan(3)
    expect(spectral).toBeLessThan(12)
    for (const critic of ['dcgan', 'dcgan-ln', 'resnet'] as const) {
      expect(looksAt(aSpec({ model: { ...aSpec().model, critic } }))).not.toHaveProperty('lipschitz_bound')
    }
  })
  test('w_floor: two batches of one image do not differ, those of different images do', () => {
    const one = { ...someImages(64), read: (indices: Int32Array) => someImages(64).read(indices.map(() => 3)) }
    expect(looksAt(mlp, one).w_floor).toBe(0)
    expect(Math.abs(looksAt(mlp).w_floor!)).toBeGreaterThan(1e-6)
  })
  test('optimality_gap: a burst helps an untrained critic and cannot help one that does not learn', async () => {
    const schedule = { criticSteps: 1, warmup: { generatorSteps: 1, criticSteps: 30 }, every: { generatorSteps: 0 } }
    const gapAt = async (criticLearningRate: number) => {
      const spec = aSpec({
        schedule,
        optimizer: { kind: 'rmsprop', criticLearningRate },
        batchSize: 32,
        budget: { generatorSteps: 1 },
      })
      return only(await collect({ spec, images: someImages(960) }), 'point')[0]!.point.diagnostics!.optimality_gap
    }
    expect(await gapAt(1e-3)).toBeGreaterThan(0.2)
    const still = await gapAt(1e-12)
    expect(still === undefined || Math.abs(still) < 0.2).toBe(true)
  }, 300_000)
})

const overfitGap = async (numImages: number) => {
  const spec = aSpec({
    model: { ...aSpec().model, critic: 'mlp', criticFilters: 64 },
    objective: { kind: 'wgan-gp', lambda: 0.1 },
    optimizer: { kind: 'adam', criticLearningRate: 2e-3, generatorLearningRate: 1e-5 },
    schedule: { criticSteps: 2, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    batchSize: 16,
    budget: { generatorSteps: 100 },
    heldOut: 64,
  })
  return only(await collect({ spec, images: noise(numImages + 64) }), 'point').at(-1)!.point.diagnostics!.overfit_gap!
}

describe('overfit_gap', () => {
  test('is wide for a critic that learned 32 images by heart, and narrow for one that saw each of 4 000 at most once', async () => {
    expect(await overfitGap(32)).toBeGreaterThan(0.3)
    expect(Math.abs(await overfitGap(4000))).toBeLessThan(0.3)
  }, 300_000)
})
