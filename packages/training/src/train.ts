import { setImmediate as breathe } from 'node:timers/promises'
import type { CurvePoint, JobSpec } from '@kantor/contracts'
import { loadTensorFlow } from '@kantor/engine'
import { type CheckpointContext, restoreCheckpoint, type RunState, writeCheckpoint } from './checkpoint/checkpoint.js'
import { batchesPerEpoch, epochOrder } from './data-order.js'
import { isDeterministic } from './determinism.js'
import { DIVERGED_AFTER, DivergedError } from './diverged.js'
import type { ImageSource, TrainControl, TrainEvent } from './events.js'
import { createGame } from './game.js'
import { sample } from './sampling.js'
import { plannedCriticSteps } from './schedule.js'
import { createStepper } from './step/stepper.js'

export interface TrainOptions {
  /** The resolved spec. */
  spec: JobSpec
  images: ImageSource
  /** A checkpoint of the same job to go on from. */
  resume?: Uint8Array | undefined
  control: TrainControl
}

/**
 * Trains a WGAN as the authors' main.py does, one generator step after the other, until the budget is spent or
 * `control.shouldStop()`. Numbers in, events out. A resumed run is bit-identical to one that never stopped when its
 * `ready` event says `bitwise`.
 * @throws DivergedError after ten non-finite steps in a row; SafetensorsError or CheckpointError for a bad `resume`.
 */
export async function* train({ spec, images, resume, control }: TrainOptions): AsyncGenerator<TrainEvent, void, void> {
  const runtime = await loadTensorFlow()
  checkImages(spec, images)
  const { channels } = images
  const game = createGame(spec, channels)
  try {
    const context: CheckpointContext = {
      spec,
      channels,
      runtime,
      determinism: isDeterministic(game, spec, channels) ? 'bitwise' : 'best-effort',
    }
    let state: RunState = { step: 0, criticStep: 0, epoch: 0, cursor: 0, elapsedSeconds: 0 }
    if (resume) {
      const restored = restoreCheckpoint(resume, game, context)
      state = restored.state
      context.determinism = restored.determinism
    }
    yield { type: 'ready', step: state.step, determinism: context.determinism }

    const numBatches = batchesPerEpoch(images.numImages, spec.batchSize)
    const stepper = createStepper(game, spec, images)
    const secondsBefore = state.elapsedSeconds
    const saved = { step: resume ? state.step : -1, seconds: 0 }
    let sampledAt = resume ? state.step : -1
    let badSteps = 0
    let order = epochOrder(images.numImages, spec.seed, state.epoch)

    const takeSample = () => {
      sampledAt = state.step
      return sample(game, spec, { step: state.step, channels })
    }
    /** Null after a non-finite step: a checkpoint must never keep one. */
    const takeCheckpoint = (): TrainEvent | null => {
      if (badSteps > 0 || saved.step === state.step) return null
      const bytes = writeCheckpoint(game, state, context)
      if (!bytes) return null
      Object.assign(saved, { step: state.step, seconds: control.elapsedSeconds() })
      return { type: 'checkpoint', step: state.step, bytes }
    }

    if (state.step === 0 && !resume) yield takeSample()
    const ending = (): Outcome | null => spent(spec, state) ?? (control.shouldStop() ? 'stopped' : null)
    let outcome = ending()
    while (!outcome) {
      const planned = plannedCriticSteps(spec.schedule, state.step)
      let done = 0
      while (done < planned && state.cursor < numBatches) {
        const from = state.cursor * spec.batchSize
        stepper.critic(order.subarray(from, from + spec.batchSize), state.criticStep)
        state = { ...state, criticStep: state.criticStep + 1, cursor: state.cursor + 1 }
        done++
        // Lets messages and signals in during a long burst.
        await breathe()
      }
      const epoch = state.epoch
      const point = stepper.generator(state)
      state = { ...state, step: state.step + 1, elapsedSeconds: secondsBefore + control.elapsedSeconds() }
      if (state.cursor >= numBatches) {
        state = { ...state, epoch: state.epoch + 1, cursor: 0 }
        order = epochOrder(images.numImages, spec.seed, state.epoch)
      }
      yield { type: 'point', point, epoch }

      badSteps = isFinitePoint(point) ? 0 : badSteps + 1
      if (badSteps >= DIVERGED_AFTER) throw new DivergedError(state.step - DIVERGED_AFTER + 1)
      if (state.step % spec.sampling.every === 0) yield takeSample()
      outcome = ending()
      const due =
        state.step % spec.checkpoint.everySteps === 0 ||
        control.elapsedSeconds() - saved.seconds >= spec.checkpoint.everySeconds
      if (due && !outcome) {
        const checkpoint = takeCheckpoint()
        if (checkpoint) yield checkpoint
      }
    }
    if (sampledAt !== state.step) yield takeSample()
    const checkpoint = takeCheckpoint()
    if (checkpoint) yield checkpoint
    yield { type: 'done', step: state.step, outcome }
  } finally {
    game.dispose()
  }
}

type Outcome = 'budget' | 'stopped'

const isFinitePoint = ({ values }: CurvePoint): boolean => values.every((value) => Number.isFinite(value))

function spent({ budget }: JobSpec, { step, epoch, elapsedSeconds }: RunState): 'budget' | null {
  const over =
    step >= (budget.generatorSteps ?? Infinity) ||
    epoch >= (budget.epochs ?? Infinity) ||
    elapsedSeconds >= (budget.seconds ?? Infinity)
  return over ? 'budget' : null
}

function checkImages({ model }: JobSpec, { numImages, imageSize }: ImageSource): void {
  if (numImages < 1) throw new RangeError('the dataset has no images')
  if (imageSize !== model.imageSize) {
    throw new RangeError(`the images are ${imageSize} pixels wide, the model is built for ${model.imageSize}`)
  }
}
