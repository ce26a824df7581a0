import type { CurvePoint } from '@kantor/contracts'
import { seedPair, type Feeds, type Outputs } from '@kantor/engine'
import { conditionsOf } from '../classes.js'
import type { Game } from '../game.js'
import { optimalityGap } from '../diagnostics/optimality-gap.js'
import { curveValues, stepDiagnostics } from './curve-values.js'
import {
  compileGame,
  criticName,
  gameVariables,
  generatorName,
  takeCoefficients,
  turnName,
  watchedName,
} from './game-program.js'
import type { Stepper, StepperOptions, StepperSpec } from './stepper.js'

/** Longer series of critic steps are not worth one huge graph: what a call costs is long made up for. */
const MAX_TURN = 8

interface Queued {
  indices: Int32Array
  /** Critic steps done before. */
  place: number
}

/**
 * Plays on a graph. Critic steps wait for their generator step: a series of the usual length goes with it as one call;
 * other series (bursts, an epoch's end) go step by step. The weights live in the graph until `store()`.
 */
export function createCompiledStepper(
  game: Game,
  spec: StepperSpec,
  { images, chooser, probes }: StepperOptions,
): Stepper {
  const { model, batchSize, seed, schedule, precision } = spec
  const tail = images.numImages % batchSize
  const isFused = schedule.criticSteps <= MAX_TURN && images.numImages >= batchSize
  const turn = Array.from({ length: schedule.criticSteps }, () => batchSize)
  const program = compileGame(game, {
    imageSize: model.imageSize,
    channels: images.channels,
    dtype: images.dtype,
    latentSize: model.latentSize,
    batchSize,
    feeding: 'drawn',
    turns: isFused ? [turn] : [],
    sizes: tail > 0 ? [tail] : [],
    watched: probes !== null,
    probes: { ...probes },
    precision,
    chooser,
  })

  let queue: Queued[] = []
  let isBurst = false
  let last: Outputs | null = null
  /** Of every critic step since the last generator step that was run by itself. */
  let estimates: number[] = []
  const conditions = conditionsOf(spec, images)
  const singleName = probes === null ? criticName : watchedName

  const criticFeeds = ({ indices, place }: Queued): Feeds => ({
    real: images.read(indices),
    latent: Int32Array.from(seedPair(seed, 'criticLatent', place)),
    coefficients: takeCoefficients(game.critic),
    ...(game.objective.interpolates && { factors: Int32Array.from(seedPair(seed, 'interpolation', place)) }),
    ...(conditions && { classes: conditions.critic(indices, place) }),
  })
  const generatorFeeds = (step: number): Feeds => ({
    latent: Int32Array.from(seedPair(seed, 'generatorLatent', step)),
    coefficients: takeCoefficients(game.generator),
    ...(conditions && { classes: conditions.generator(step) }),
  })
  const flush = (): void => {
    for (const queued of queue) {
      last = program.run(singleName(queued.indices.length), criticFeeds(queued))
      const [real, fake] = last['terms'] as unknown as [number, number]
      estimates.push(fake - real)
    }
    queue = []
  }
  const fitsTurn = (): boolean =>
    isFused && queue.length === turn.length && queue.every(({ indices }) => indices.length === batchSize)

  return {
    critic(indices, place) {
      queue.push({ indices, place })
      isBurst ||= !isFused || queue.length > turn.length
      if (isBurst) flush()
    },
    generator({ step, criticStep }) {
      let generator: Outputs | undefined
      if (fitsTurn()) {
        const outputs = program.runSequence(turnName(turn), [...queue.map(criticFeeds), generatorFeeds(step)])
        last = outputs.at(-2) ?? null
        generator = outputs.at(-1)
        queue = []
      } else {
        flush()
        if (last) generator = program.run(generatorName, generatorFeeds(step))
      }
      if (!last || !generator) throw new Error('a generator step needs a critic step before it')
      const terms = Float32Array.of(...(last['terms'] ?? []), ...(generator['terms'] ?? []))
      const point: CurvePoint = { step: step + 1, criticStep, values: curveValues(terms, game.objective.criticWeights) }
      if (last['look'] && generator['look']) {
        point.diagnostics = stepDiagnostics(game, {
          critic: last['look'],
          generator: generator['look'],
          gap: optimalityGap(estimates),
        })
      }
      last = null
      estimates = []
      isBurst = false
      return point
    },
    probe: (name, feeds) => program.run(name, feeds)['found'] as Float32Array,
    load: () => program.push(),
    store: () => program.pull(),
    rehearse() {
      const size = batchSize * model.imageSize ** 2 * images.channels
      const ramp = Array.from({ length: size }, (_, i) => (i * 37) % 256)
      const pair = Int32Array.from(seedPair(seed, 'sampleLatent'))
      program.push()
      const { terms } = program.run(criticName(batchSize), {
        real: images.dtype === 'float32' ? Float32Array.from(ramp) : Uint8Array.from(ramp),
        latent: pair,
        coefficients: Float32Array.from(game.critic.optimizer.coefficients()),
        ...(game.objective.interpolates && { factors: pair }),
        ...(conditions && { classes: conditions.fixed }),
      })
      const parts = [terms ?? new Float32Array(0), ...program.read(gameVariables(game))]
      program.push()
      return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)))
    },
    dispose: () => program.dispose(),
  }
}
