import type { Diagnostics, JobSpec } from '@kantor/contracts'
import { type Feeds, seedPair } from '@kantor/engine'
import { conditionsOf } from '../classes.js'
import type { ImageSource, TrainEvent } from '../events.js'
import type { SplitImages } from '../held-out.js'
import { sfc32 } from '../sfc32.js'
import type { Stepper } from '../step/stepper.js'
import { every } from './cadence.js'
import { diversity, type PixelImages, type Reference, referenceOf } from './diversity.js'
import { classesInput, type ProbeName, type Probes, type ProbeShape } from './probes.js'

/** Those that a run of this budget gets to: the others need not be compiled. */
export function dueProbes(probes: Probes, { budget }: Pick<JobSpec, 'budget'>): Partial<Probes> {
  const steps = budget.generatorSteps ?? Infinity
  return Object.fromEntries(Object.entries(probes).filter(([name]) => every[name as ProbeName] <= steps))
}

type Probe = Pick<Stepper, 'probe'>

/** What a run measures now and then. All of it is a function of the weights, the seed and the step. */
export interface Diagnosis {
  /** What is due when so many generator steps are done. */
  at(step: number): Diagnostics
  /** Of a grid of samples, against as many real images: the same ones throughout. */
  ofSample(sample: Extract<TrainEvent, { type: 'sample' }>): Diagnostics
}

export function probeShape({ model, batchSize }: JobSpec, { training, heldOut }: SplitImages): ProbeShape {
  // Two real batches have no image in common, and all batches are of one size: batch norm looks at them as a whole.
  const count = Math.min(batchSize, training.numImages >> 1, heldOut?.numImages ?? Infinity)
  return {
    count: Math.max(1, count),
    imageSize: model.imageSize,
    channels: training.channels,
    dtype: training.dtype,
    latentSize: model.latentSize,
    heldOut: heldOut !== null,
  }
}

export function createDiagnosis(spec: JobSpec, split: SplitImages, stepper: Probe): Diagnosis {
  const { seed } = spec
  const { training, heldOut } = split
  const { count } = probeShape(spec, split)
  const pair = (step: number, use: number) => Int32Array.from(seedPair(seed, 'diagnosis', step, use))
  const draw = (source: ImageSource, many: number, step: number, use: number) =>
    drawIndices(Math.min(many, source.numImages), source.numImages, pair(step, use))

  const conditions = conditionsOf(spec, training)
  const shown = (name: string, source: ImageSource, indices: Int32Array): Feeds => ({
    [name]: source.read(indices),
    ...(conditions && { [classesInput(name)]: conditions.of(source, indices) }),
  })

  const looks: Record<ProbeName, (step: number) => Diagnostics> = {
    slopes(step) {
      const [real, fake, between, largest] = stepper.probe('slopes', {
        ...shown('real', training, draw(training, count, step, 0)),
        latent: pair(step, 1),
        factors: pair(step, 2),
      }) as unknown as [number, number, number, number]
      return { slope_real: real, slope_fake: fake, slope_between: between, slope_max: largest }
    },
    layers(step) {
      const found = stepper.probe('layers', shown('real', training, draw(training, count, step, 0)))
      const [bound, ...norms] = found as unknown as [number, ...number[]]
      return { layer_slope: slopeOf(norms.map(Math.log10)), ...(!Number.isNaN(bound) && { lipschitz_bound: bound }) }
    },
    scores(step) {
      const both = draw(training, 2 * count, step, 0)
      if (both.length < 2 * count) return {}
      const [first, second, fake, unseen] = stepper.probe('scores', {
        ...shown('first', training, both.subarray(0, count)),
        ...shown('second', training, both.subarray(count)),
        latent: pair(step, 1),
        ...(heldOut && shown('heldOut', heldOut, draw(heldOut, count, step, 3))),
      }) as unknown as [number, number, number, number?]
      // These are means of D, which is −f.
      const estimate = fake - (first + second) / 2
      return {
        w_floor: second - first,
        ...(unseen !== undefined && { overfit_gap: (unseen - (first + second) / 2) / estimate }),
      }
    },
  }
  let reference: Reference | undefined
  return {
    at(step) {
      const due = (Object.keys(looks) as ProbeName[]).filter((name) => step % every[name] === 0)
      return Object.assign({}, ...due.map((name) => looks[name](step))) as Diagnostics
    },
    ofSample({ images: pixels, numImages, imageSize, channels }) {
      reference ??= referenceOf(imagesAt(training, draw(training, numImages, 0, 4)))
      return diversity({ pixels, numImages, imageSize, channels }, reference)
    },
  }
}

const imagesAt = (source: ImageSource, indices: Int32Array): PixelImages => ({
  pixels: source.read(indices),
  numImages: indices.length,
  imageSize: source.imageSize,
  channels: source.channels,
})

/** Different ones, by rejection. */
function drawIndices(count: number, numImages: number, seed: Int32Array): Int32Array {
  const next = sfc32([seed[0] as number, seed[1] as number])
  const drawn = new Set<number>()
  while (drawn.size < count) drawn.add(next() % numImages)
  return Int32Array.from(drawn)
}

/** Of the least-squares line through values at 0, 1, 2, …; 0 for a single one. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const spread = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
  return spread === 0 ? 0 : values.reduce((sum, value, i) => sum + (i - middle) * value, 0) / spread
}
