// Quality of a checkpoint's images: metrics, what an evaluation found, and the part of a spec that asks for it.
import { z } from 'zod'
import { FeatureNetwork } from './weights.js'

/** Networks that give features: trained on the dataset's labels, untrained with fixed weights, or somebody's own that was uploaded. */
export const ExtractorKind = z.enum(['classifier', 'random', 'uploaded']).meta({ id: 'ExtractorKind' })
export type ExtractorKind = z.infer<typeof ExtractorKind>

/** Those that an evaluation makes where they are missing. One each per dataset version and image size. */
export const MadeExtractor = ExtractorKind.exclude(['uploaded']).meta({ id: 'MadeExtractor' })
export type MadeExtractor = z.infer<typeof MadeExtractor>

interface MetricFacts {
  says: string
  /** `best`: the classifier's where the dataset has labels, else those of the untrained network. */
  features: ExtractorKind | 'best' | null
  /** Which way is better; `floor`: the nearer to what other real images get, the better. */
  goal: 'min' | 'max' | 'floor'
}

export const metricCatalogue = {
  fid_classifier: { says: 'Fréchet distance of the classifier’s features', features: 'classifier', goal: 'min' },
  kid_classifier: {
    says: 'kernel distance (MMD², cubic kernel) of the classifier’s features',
    features: 'classifier',
    goal: 'min',
  },
  is_classifier: { says: 'inception score by the classifier', features: 'classifier', goal: 'max' },
  class_kl: {
    says: 'KL divergence of how often the classifier sees each class, from real images: 2.3 for one of ten classes alone',
    features: 'classifier',
    goal: 'min',
  },
  fid_random: { says: 'Fréchet distance of an untrained network’s features', features: 'random', goal: 'min' },
  kid_random: { says: 'kernel distance of an untrained network’s features', features: 'random', goal: 'min' },
  fid_uploaded: {
    says: 'Fréchet distance of the features of your own network: the Inception distance where it is that one',
    features: 'uploaded',
    goal: 'min',
  },
  kid_uploaded: { says: 'kernel distance of the features of your own network', features: 'uploaded', goal: 'min' },
  precision: { says: 'share of images within a real image’s five neighbours', features: 'best', goal: 'max' },
  recall: { says: 'share of real images within an image’s five neighbours', features: 'best', goal: 'max' },
  density: { says: 'real neighbourhoods that an image lies in, over five', features: 'best', goal: 'max' },
  coverage: { says: 'share of real images with an image among their five neighbours', features: 'best', goal: 'max' },
  nn_accuracy: {
    says: 'how often the nearest neighbour is of the same kind: ½ when real and made cannot be told apart',
    features: 'best',
    goal: 'floor',
  },
  nn_distance: {
    says: 'mean distance to the nearest training image, in pixels at 16 × 16: below the floor, images are copied',
    features: null,
    goal: 'floor',
  },
  sliced_w1: { says: 'sliced W₁ of pixels in [0, 1]', features: null, goal: 'min' },
  swd: {
    says: 'sliced distance of 7 × 7 patches on a Laplacian pyramid, × 1000, mean of the levels',
    features: null,
    goal: 'min',
  },
} as const satisfies Record<string, MetricFacts>

export type MetricName = keyof typeof metricCatalogue
export const metricNames = Object.keys(metricCatalogue) as MetricName[]
export const MetricName = z.enum(metricNames as [MetricName, ...MetricName[]]).meta({ id: 'MetricName' })

/** Those that there is what they need for: labels in the dataset, an uploaded network in the request. */
export function metricsFor({ labels }: { labels: readonly string[] }, extractor?: string): MetricName[] {
  const lacking = [...(labels.length > 1 ? [] : ['classifier']), ...(extractor === undefined ? ['uploaded'] : [])]
  return metricNames.filter((name) => !lacking.includes(metricCatalogue[name].features ?? ''))
}

const asked = {
  /** Absent: all that there is what they need for. */
  metrics: z
    .array(MetricName)
    .min(1)
    .max(metricNames.length)
    .refine((names) => new Set(names).size === names.length, { message: 'must not name a metric twice' })
    .optional(),
  /** Images made, and real ones on either side of the floor; a third of the dataset at most. Figures compare at one number only. */
  images: z.int().min(16).max(10_000).default(2000),
  /** Uploaded weights that hold `features`: the network whose features `fid_uploaded` and `kid_uploaded` are of. */
  extractor: z.uuid().optional(),
  /** `average` is the running mean of a job with `generatorAverage`. Without this key: the average where there is one. */
  weights: z.enum(['generator', 'average']).optional(),
}

/** What to measure of one checkpoint. */
export const EvaluationRequest = z.strictObject(asked)
export type EvaluationRequest = z.infer<typeof EvaluationRequest>

/** In a spec: evaluations that are queued by themselves, behind all other tasks and beside training. */
export const EvaluationPlan = z.strictObject({
  /** Each checkpoint when it is stored, or the last one when the job has ended well. */
  every: z.enum(['checkpoint', 'last']).default('last'),
  ...asked,
})
export type EvaluationPlan = z.infer<typeof EvaluationPlan>

/** One figure, with what it means nothing without. */
export const Measurement = z
  .object({
    name: MetricName,
    value: z.number(),
    /** The middle 95 % of estimates from subsets, where the metric is estimated so. */
    low: z.number().nullable(),
    high: z.number().nullable(),
    /** The same of other real images: what a perfect generator gets. */
    floor: z.number(),
    /** The same of these real images under a 3 × 3 blur: what a mediocre one should beat. */
    blurred: z.number(),
    /** Images on each side. */
    images: z.int(),
    /** sha256 of the network that gave the features; null where there is none. */
    extractor: z.string().nullable(),
  })
  .meta({ id: 'Measurement' })
export type Measurement = z.infer<typeof Measurement>

export const Evaluation = z
  .object({
    /** Of the latents, the split of the real images, subsets and directions: the same for every evaluation. */
    seed: z.int(),
    /** Where the generator's batch norm took its statistics from: `batch` is the batch itself, as the authors sample. */
    batchNorm: z.enum(['batch', 'running']),
    batchSize: z.int(),
    /** What made the images: the generator's weights, or their running mean. */
    weights: z.enum(['generator', 'average']).default('generator'),
    extractors: z.array(
      z.object({
        kind: ExtractorKind,
        sha256: z.string(),
        /** Features of one image. */
        dimensions: z.int().default(64),
        /** Share of held-out images that it names rightly; null without classes. */
        accuracy: z.number().nullable(),
        /** How images went into an uploaded network; null of the others. */
        network: FeatureNetwork.nullable().default(null),
      }),
    ),
    measurements: z.array(Measurement),
    /** What to know before comparing these figures with others. */
    warnings: z.array(z.string()).default([]),
  })
  .meta({ id: 'Evaluation' })
export type Evaluation = z.infer<typeof Evaluation>

/** A measurement of a job, by the step of the checkpoint; it stays when the checkpoint goes. */
export const JobMetric = z
  .object({ id: z.uuid(), step: z.int(), attempt: z.int(), ...Measurement.shape, createdAt: z.iso.datetime() })
  .meta({ id: 'JobMetric' })
export type JobMetric = z.infer<typeof JobMetric>

/** A metric as a series of a curve. */
export const metricSeriesNames = metricNames.map((name) => `metric.${name}` as const)
export type MetricSeriesName = (typeof metricSeriesNames)[number]
export const MetricSeriesName = z.enum(metricSeriesNames as [MetricSeriesName, ...MetricSeriesName[]])
