import { setImmediate as breathe } from 'node:timers/promises'
import type { CurvePoint, JobSpec } from '@kantor/contracts'
import { loadTensorFlow, type Lowerings } from '@kantor/engine'
import {
  adoptCheckpoint,
  type CheckpointContext,
  type Course,
  restoreCheckpoint,
  type RunState,
  writeCheckpoint,
} from './checkpoint/checkpoint.js'
import { adoptWeights } from './checkpoint/adopt-weights.js'
import { batchesPerEpoch, epochOrder } from './data-order.js'
import { chooseLowerings, isDeterministic } from './determinism.js'
import { createDiagnosis, dueProbes, probeShape } from './diagnostics/diagnosis.js'
import { createProbes } from './diagnostics/probes.js'
import { DIVERGED_AFTER, DivergedError } from './diverged.js'
import type { ImageSource, TrainControl, TrainEvent } from './events.js'
import { createGame } from './game.js'
import { createHealthMonitor, noMemory } from './health/monitor.js'
import { lastGoodStep } from './health/onset.js'
import { boostAfter, remediesFor, rollBackScale } from './health/remedies.js'
import { type SplitImages, splitImages } from './held-out.js'
import { rateScale } from './learning-rate.js'
import { sample } from './sampling.js'
import { plannedCriticSteps } from './schedule.js'
import { createStepper, type EngineKind } from './step/stepper.js'

export interface TrainOptions {
  /** The resolved spec. */
  spec: JobSpec
  images: ImageSource
  /** A checkpoint of the same job to go on from. */
  resume?: Uint8Array | undefined
  /** Without `resume`: a checkpoint of another job to start from. Its step is where this one's counting goes on. */
  start?: Uint8Array | undefined
  /** Without either: a safetensors file with the weights that one or both networks begin with, at step 0. */
  weights?: Uint8Array | undefined
  /** How often a remedy took the run back before this. Not in a checkpoint: the one that is gone back to was made before. */
  rollBacks?: number | undefined
  control: TrainControl
  /** Lowerings that were measured before on this machine; others are timed while the graph is compiled. */
  lowerings?: Lowerings | undefined
  /** Internal: `eager` runs op by op instead of as one graph. */
  engine?: EngineKind | undefined
  /** Internal: false measures nothing beside the losses. The course of the training is the same to the bit. */
  diagnostics?: boolean | undefined
}

/**
 * Trains a WGAN as the authors' main.py does, one generator step after the other, until the budget is spent or
 * `control.shouldStop()`. Numbers in, events out. A resumed run is bit-identical to one that never stopped when its
 * `ready` event says `bitwise`.
 * @throws DivergedError after ten non-finite steps in a row; SafetensorsError or CheckpointError for a bad `resume`;
 *   RangeError when images and spec do not fit.
 */
export async function* train({
  spec,
  images: source,
  resume,
  start,
  weights,
  rollBacks = 0,
  control,
  lowerings: known = {},
  engine = 'compiled',
  diagnostics: isMeasured = true,
}: TrainOptions): AsyncGenerator<TrainEvent, void, void> {
  const split = splitImages(source, spec)
  checkImages(spec, source, split)
  const images = split.training
  const runtime = { ...(await loadTensorFlow()), engine }
  const chooser = chooseLowerings(spec, runtime, { known, resume: resume ?? start })
  const game = createGame(spec, images.channels)
  const probes = isMeasured ? dueProbes(createProbes(game, probeShape(spec, split)), spec) : null
  const stepper = createStepper(engine, game, spec, { images, chooser, probes })
  const diagnosis = probes && createDiagnosis(spec, split, stepper)
  try {
    const context: CheckpointContext = {
      spec,
      channels: images.channels,
      runtime,
      lowerings: chooser.lowerings,
      determinism: isDeterministic(stepper) ? 'bitwise' : 'best-effort',
    }
    const state: RunState = { step: 0, criticStep: 0, epoch: 0, cursor: 0, elapsedSeconds: 0 }
    let course: Course = { memory: noMemory(), boost: null }
    if (resume) {
      const restored = restoreCheckpoint(resume, game, context)
      Object.assign(state, restored.state)
      course = restored.course
      context.determinism = restored.determinism
      stepper.load()
    } else if (start) {
      Object.assign(state, adoptCheckpoint(start, game, context))
      stepper.load()
    } else if (weights) {
      adoptWeights(weights, game)
      stepper.load()
    }
    const { determinism, lowerings } = context
    yield { type: 'ready', step: state.step, determinism, lowerings }

    const monitor = createHealthMonitor(spec, course.memory)
    // Whoever goes on may have missed what the run before told last.
    if (course.memory.health) yield { type: 'health', health: course.memory.health }
    const secondsBefore = state.elapsedSeconds
    const last = { sample: resume ? state.step : -1, checkpoint: resume ? state.step : -1, checkpointSeconds: 0 }
    let badSteps = 0

    const takeSample = () => {
      last.sample = state.step
      stepper.store()
      return sample(game, spec, { step: state.step, channels: images.channels, dtype: images.dtype })
    }
    /** Nothing after a non-finite step: a checkpoint must never keep one. */
    const takeCheckpoint = (): TrainEvent[] => {
      if (badSteps > 0 || last.checkpoint === state.step) return []
      stepper.store()
      const bytes = writeCheckpoint(game, { state, course }, context)
      if (!bytes) return []
      last.checkpoint = state.step
      last.checkpointSeconds = control.elapsedSeconds()
      return [{ type: 'checkpoint', step: state.step, bytes }]
    }
    const slowed = rollBackScale(spec.remedies, rollBacks)
    let isHopeless = false
    const ending = (): Outcome | null =>
      isHopeless ? 'critic_diverged' : isSpent(spec, state) ? 'budget' : control.shouldStop() ? 'stopped' : null

    if (!resume) yield takeSample()
    const numBatches = batchesPerEpoch(images.numImages, spec.batchSize)
    let order = epochOrder(images.numImages, spec.seed, state.epoch)
    let outcome = ending()
    while (!outcome) {
      const scale = rateScale(spec.optimizer, state.step) * slowed
      for (const { optimizer } of [game.critic, game.generator]) optimizer.rateScale = scale
      const planned = Math.max(plannedCriticSteps(spec.schedule, state.step), course.boost?.criticSteps ?? 0)
      for (let left = planned; left > 0 && state.cursor < numBatches; left--) {
        const from = state.cursor * spec.batchSize
        stepper.critic(order.subarray(from, from + spec.batchSize), state.criticStep)
        state.criticStep++
        state.cursor++
        // Lets messages and signals in: a burst of a hundred critic steps can take a minute.
        await breathe()
      }
      const point = stepper.generator(state)
      const { epoch } = state
      state.step++
      state.elapsedSeconds = secondsBefore + control.elapsedSeconds()
      if (state.cursor === numBatches) {
        state.epoch++
        state.cursor = 0
        order = epochOrder(images.numImages, spec.seed, state.epoch)
      }
      Object.assign(point.diagnostics ?? {}, diagnosis?.at(state.step))
      // Taken before its step's point is told, which says how diverse it is.
      const taken = state.step % spec.sampling.every === 0 ? takeSample() : null
      if (taken) Object.assign(point.diagnostics ?? {}, diagnosis?.ofSample(taken))
      yield { type: 'point', point, epoch }
      const health = monitor.add(point)
      const { applied, rollBack } = health
        ? remediesFor(spec.remedies, health, rollBacks)
        : { applied: [], rollBack: null }
      if (health) yield { type: 'health', health }
      for (const { message } of applied) yield { type: 'remedy', step: state.step, message }
      if (health && rollBack) {
        const { message } = rollBack
        yield { type: 'done', step: state.step, outcome: 'rolled_back', upTo: lastGoodStep(health, spec), message }
        return
      }
      course.boost = boostAfter(course.boost, { step: state.step, health: course.memory.health, applied })
      isHopeless ||= applied.some(({ remedy }) => remedy.do === 'stop')

      badSteps = isFinitePoint(point) ? 0 : badSteps + 1
      if (badSteps >= DIVERGED_AFTER) throw new DivergedError(state.step - DIVERGED_AFTER + 1)
      if (taken) yield taken
      outcome = ending()
      const waited = control.elapsedSeconds() - last.checkpointSeconds
      const due = state.step % spec.checkpoint.everySteps === 0 || waited >= spec.checkpoint.everySeconds
      if (due && !outcome) yield* takeCheckpoint()
    }
    // Sample before checkpoint: where a checkpoint is, its sample has been given.
    if (last.sample !== state.step) yield takeSample()
    yield* takeCheckpoint()
    yield { type: 'done', step: state.step, outcome }
  } finally {
    stepper.dispose()
    game.dispose()
  }
}

type Outcome = Exclude<Extract<TrainEvent, { type: 'done' }>['outcome'], 'rolled_back'>

const isFinitePoint = ({ values }: CurvePoint): boolean => values.every((value) => Number.isFinite(value))

const isSpent = ({ budget }: JobSpec, { step, epoch, elapsedSeconds }: RunState): boolean =>
  step >= (budget.generatorSteps ?? Infinity) ||
  epoch >= (budget.epochs ?? Infinity) ||
  elapsedSeconds >= (budget.seconds ?? Infinity)

function checkImages({ model, heldOut }: JobSpec, { imageSize, labels }: ImageSource, split: SplitImages): void {
  const numImages = split.training.numImages + (split.heldOut?.numImages ?? 0)
  if (numImages < 1) throw new RangeError('the dataset has no images')
  if (numImages <= heldOut) throw new RangeError(`the dataset has ${numImages} images, and ${heldOut} are held out`)
  if (model.classes !== undefined && !labels?.every((label) => label < model.classes!)) {
    throw new RangeError(`the model is conditional on ${model.classes} classes, and the images have no such labels`)
  }
  if (imageSize !== model.imageSize) {
    throw new RangeError(`the images are ${imageSize} pixels wide, the model is built for ${model.imageSize}`)
  }
}
