import { createHash } from 'node:crypto'
import { JobSpec } from '@kantor/contracts'
import { type Lowerings, plans, type TensorFlowDescription } from '@kantor/engine'
import type { Determinism } from '../events.js'
import type { Game } from '../game.js'
import { type HealthMemory, noMemory } from '../health/monitor.js'
import type { Boost } from '../health/remedies.js'
import type { Player } from '../player.js'
import type { EngineKind } from '../step/stepper.js'
import {
  int64Scalar,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.js'
import { loadSlots, loadWeights, storedSlots, storedWeights } from './weights.js'

const FORMAT = 'kantor-checkpoint'
const FORMAT_VERSION = 1

/** Where a run is. Between two generator steps this, the weights and the optimizer slots are its whole state. */
export interface RunState {
  /** Generator steps done. */
  step: number
  criticStep: number
  /** Complete passes over the data. */
  epoch: number
  /** Batches of the current epoch already used. */
  cursor: number
  /** Training time over all attempts. */
  elapsedSeconds: number
}

/** How the critic was judged so far, and what is being done about it. */
export interface Course {
  memory: HealthMemory
  boost: Boost | null
}

/** Updates that each optimizer's slots have seen; fewer than the run's steps when the slots began anew on the way. */
interface OptimizerSteps {
  generator: number
  critic: number
}

/** What computed the numbers. */
export type Runtime = TensorFlowDescription & { engine: EngineKind }

export interface CheckpointContext {
  spec: JobSpec
  channels: number
  runtime: Runtime
  /** How the graph's convolutions are computed: part of what decides the bits. */
  lowerings: Lowerings
  determinism: Determinism
}

/** A checkpoint that does not belong to this job or this version. */
export class CheckpointError extends Error {
  override name = 'CheckpointError'
}

/** Hash of what decides the course of a run. Budget, sampling and checkpoint cadence, and the device may change. */
export function courseHash(spec: JobSpec, channels: number): string {
  const { dataset, model, objective, optimizer, schedule, batchSize, precision, seed } = spec
  const course = { channels, dataset, model, objective, optimizer, schedule, batchSize, precision, seed }
  // Left out where there is none, as in checkpoints of before they were there.
  const { heldOut, remedies, generatorAverage } = spec
  if (heldOut > 0) Object.assign(course, { heldOut })
  const boosts = remedies.filter((remedy) => remedy.do === 'boost-critic' || remedy.do === 'roll-back')
  if (boosts.length > 0) Object.assign(course, { boosts })
  if (generatorAverage) Object.assign(course, { generatorAverage })
  return createHash('sha256').update(JSON.stringify(course, sortKeys)).digest('hex')
}

/** Coordinates of a point, at most. */
const MAX_CHANNELS = 1024

/** Channels of the images that a checkpoint's run was trained on. Only the hash of its course knows them. */
export function channelsOf({ metadata }: SafetensorsFile): number {
  const spec = JobSpec.parse(JSON.parse(metadata['spec'] ?? ''))
  const channels = Array.from({ length: MAX_CHANNELS }, (_, i) => i + 1).find(
    (count) => courseHash(spec, count) === metadata['courseHash'],
  )
  if (channels === undefined) throw new CheckpointError('the checkpoint does not say how many channels its images have')
  return channels
}

const sortKeys = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** The names of the generator's weights begin so. */
export const GENERATOR = 'netG.'
export const CRITIC = 'netD.'
/** The generator's running mean, under the generator's own names. */
export const AVERAGE = 'netG_ema.'

/** The players under the names of the authors' classes; `netG.` and `netD.` stripped, `load_state_dict` takes them. */
export const playersOf = ({ generator, critic }: Game) =>
  [
    { player: generator, weights: GENERATOR, slots: 'optimizerG.' },
    { player: critic, weights: CRITIC, slots: 'optimizerD.' },
  ] as const

/**
 * One safetensors file with everything that a resume needs, or null when a weight is not finite.
 * Reads all weights back from the device.
 */
export function writeCheckpoint(
  game: Game,
  { state, course }: { state: RunState; course: Course },
  context: CheckpointContext,
): Uint8Array | null {
  const tensors: [string, StoredTensor][] = []
  for (const { player, weights, slots } of playersOf(game)) {
    tensors.push(...storedWeights(player, weights), ...storedSlots(player, slots))
  }
  if (game.average) tensors.push(...storedWeights(game.average, AVERAGE))
  if (tensors.some(([, tensor]) => !isFinite(tensor))) return null
  // PyTorch counts the batches of every batch norm: one per pass through the network.
  tensors.push(...batchCounts(game.generator, GENERATOR, state.criticStep + state.step))
  tensors.push(...batchCounts(game.critic, CRITIC, game.objective.criticPasses * state.criticStep + state.step))
  return writeSafetensors(tensors, {
    format: FORMAT,
    formatVersion: String(FORMAT_VERSION),
    state: JSON.stringify(state),
    health: JSON.stringify(course),
    optimizerSteps: JSON.stringify({
      generator: game.generator.optimizer.steps,
      critic: game.critic.optimizer.steps,
    } satisfies OptimizerSteps),
    courseHash: courseHash(context.spec, context.channels),
    spec: JSON.stringify(context.spec),
    runtime: JSON.stringify(context.runtime),
    lowerings: JSON.stringify(context.lowerings),
    determinism: context.determinism,
  })
}

const isFinite = ({ bytes }: StoredTensor): boolean =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).every((value) => Number.isFinite(value))

const batchCounts = ({ weights }: Player, prefix: string, count: number): [string, StoredTensor][] =>
  weights
    .map(({ parameter }) => parameter.name)
    .filter((name) => name.endsWith('.running_mean'))
    .map((name) => [`${prefix}${name.replace(/running_mean$/, 'num_batches_tracked')}`, int64Scalar(count)])

/**
 * Puts a checkpoint's numbers into `game`.
 * @throws SafetensorsError when the file is damaged, CheckpointError when it belongs to another run.
 */
export function restoreCheckpoint(
  bytes: Uint8Array,
  game: Game,
  context: CheckpointContext,
): { state: RunState; course: Course; determinism: Determinism } {
  const file = readCheckpoint(bytes)
  const { metadata } = file
  if (metadata['courseHash'] !== courseHash(context.spec, context.channels)) {
    throw new CheckpointError('the checkpoint was made by a job with another spec, dataset or seed')
  }
  const state = stateIn(metadata)
  loadPlayers(file, game, state, true)
  if (game.average) loadWeights(game.average, file, AVERAGE)
  const same = sameRuntime(parse(metadata, 'runtime') as Partial<Runtime> | null, context.runtime)
  const exact = same && metadata['determinism'] === 'bitwise' && context.determinism === 'bitwise'
  return { state, course: courseIn(metadata), determinism: exact ? 'bitwise' : 'best-effort' }
}

/**
 * Starts a run from another one's checkpoint: its weights and running statistics, its step and place in the schedule; its optimizer's
 * slots when the kind is the same, its place in the data when dataset and batch size are, else the next pass begins.
 * @throws SafetensorsError when the file is damaged or a shape differs, CheckpointError when it is no checkpoint of this format.
 */
export function adoptCheckpoint(bytes: Uint8Array, game: Game, { spec }: Pick<CheckpointContext, 'spec'>): RunState {
  const file = readCheckpoint(bytes)
  const state = stateIn(file.metadata)
  const parent = parse(file.metadata, 'spec') as Pick<
    JobSpec,
    'dataset' | 'batchSize' | 'optimizer' | 'generatorAverage'
  >
  loadPlayers(file, game, state, parent.optimizer.kind === spec.optimizer.kind)
  if (game.average) {
    if (parent.generatorAverage) loadWeights(game.average, file, AVERAGE)
    else game.average.begin()
  }
  if (parent.dataset === spec.dataset && parent.batchSize === spec.batchSize) return state
  return { ...state, epoch: state.epoch + (state.cursor > 0 ? 1 : 0), cursor: 0 }
}

/** @throws SafetensorsError, CheckpointError. */
export function readCheckpoint(bytes: Uint8Array): SafetensorsFile {
  const file = readSafetensors(bytes)
  const { metadata } = file
  if (metadata['format'] !== FORMAT) throw new CheckpointError('the file is no Kantor checkpoint (metadata `format`)')
  if (Number(metadata['formatVersion']) !== FORMAT_VERSION) {
    throw new CheckpointError(
      `the checkpoint has format version ${metadata['formatVersion']}, this release reads ${FORMAT_VERSION}`,
    )
  }
  return file
}

function loadPlayers(file: SafetensorsFile, game: Game, state: RunState, withSlots: boolean): void {
  for (const { player, weights, slots } of playersOf(game)) {
    loadWeights(player, file, weights)
    if (withSlots) loadSlots(player, file, slots)
  }
  if (!withSlots) return
  // A checkpoint of before this entry never had slots younger than its run.
  const { optimizerSteps } = file.metadata
  const steps = optimizerSteps === undefined ? undefined : (parse(file.metadata, 'optimizerSteps') as OptimizerSteps)
  game.generator.optimizer.steps = steps?.generator ?? state.step
  game.critic.optimizer.steps = steps?.critic ?? state.criticStep
}

/**
 * The lowerings that a checkpoint's run was computed with, where they fit `runtime`: a resume that takes them goes on with
 * the same bits. Null: it was computed elsewhere.
 * @throws SafetensorsError when the file is damaged.
 */
export function recordedLowerings(bytes: Uint8Array, runtime: Runtime): Lowerings | null {
  const { metadata } = readSafetensors(bytes)
  if (!sameRuntime(parse(metadata, 'runtime') as Partial<Runtime> | null, runtime)) return null
  // Checkpoints that record none were computed without any.
  const recorded = metadata['lowerings'] === undefined ? {} : parse(metadata, 'lowerings')
  if (isLowerings(recorded)) return recorded
  throw new SafetensorsError(`the checkpoint's metadata lowerings is damaged: ${metadata['lowerings']}`)
}

const isLowerings = (value: unknown): value is Lowerings =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((plan) => (plans as readonly unknown[]).includes(plan))

/** Other kernels or another split of the work over threads round differently. */
const sameRuntime = (stored: Partial<Runtime> | null, now: Runtime): boolean =>
  (['tensorflow', 'device', 'processor', 'threads', 'engine'] as const).every((key) => stored?.[key] === now[key])

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isTime = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0

function stateIn(metadata: Record<string, string>): RunState {
  const state = parse(metadata, 'state') as Partial<RunState> | null
  const { step, criticStep, epoch, cursor, elapsedSeconds } = state ?? {}
  if (isCount(step) && isCount(criticStep) && isCount(epoch) && isCount(cursor) && isTime(elapsedSeconds)) {
    return { step, criticStep, epoch, cursor, elapsedSeconds }
  }
  throw new SafetensorsError(`the checkpoint's metadata state is damaged: ${metadata['state']}`)
}

/** A checkpoint of before this entry was made while nothing was judged. */
const courseIn = (metadata: Record<string, string>): Course =>
  metadata['health'] === undefined ? { memory: noMemory(), boost: null } : (parse(metadata, 'health') as Course)

function parse(metadata: Record<string, string>, key: string): unknown {
  try {
    return JSON.parse(metadata[key] ?? '')
  } catch (cause) {
    throw new SafetensorsError(`the checkpoint's metadata ${key} is missing or damaged`, { cause })
  }
}
