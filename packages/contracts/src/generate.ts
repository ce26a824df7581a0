import { z } from 'zod'

const seed = z.int().min(0).max(2_147_483_647)

/** Images of one answer, at most. */
const MAX_GENERATED = 1024

/** Of which neighbours are looked for, at most: their list is a part of the task. */
const MAX_NEIGHBOURED = 128

const Seeds = z.strictObject({
  kind: z.literal('seeds'),
  /** Image i is drawn from the latent of `seed + i`: the same number gives the same image from the same checkpoint. */
  seed: seed.max(2_147_483_647 - MAX_GENERATED).default(0),
  count: z.int().min(1).max(MAX_GENERATED).default(64),
})

const Latents = z.strictObject({
  kind: z.literal('latents'),
  /** One list of `latentSize` numbers per image. */
  latents: z
    .array(z.array(z.number().min(-1e6).max(1e6)).min(1).max(1024))
    .min(1)
    .max(256),
})

/** A walk from the latent of one seed to that of the next. */
const Path = z.strictObject({
  kind: z.literal('path'),
  seeds: z.array(seed).min(2).max(16),
  /** Images per leg. */
  frames: z.int().min(2).max(240).default(30),
  /** `slerp` keeps to the shell on which latents of many dimensions lie; `lerp` cuts through it. */
  curve: z.enum(['slerp', 'lerp']).default('slerp'),
  /** Back from the last seed to the first. */
  loop: z.boolean().default(true),
})

const Source = z.discriminatedUnion('kind', [Seeds, Latents, Path])

/** What to draw from a checkpoint's generator. */
export const Generate = z
  .strictObject({
    from: Source.prefault({ kind: 'seeds' }),
    /** ψ: latents are multiplied by it. Below 1 images get more typical and less various. */
    truncation: z.number().gt(0).max(10).default(1),
    /**
     * Where batch norm takes its statistics from: `batch`, all images of this answer, as the authors do (an image then depends on the others);
     * `running`, those gathered in training: an image is its own.
     */
    batchNorm: z.enum(['batch', 'running']).default('batch'),
    /** `average` is the running mean of a job with `generatorAverage`. Without this key: the average where there is one. */
    weights: z.enum(['generator', 'average']).optional(),
    /**
     * Of a conditional generator (`model.classes`): the classes to draw, by number. Images take them in turn, legs of a path each the next.
     * Without this key: all there are.
     */
    classes: z.array(z.int().min(0).max(999)).min(1).max(MAX_GENERATED).optional(),
    /** `png`: one grid · `zip`: a PNG each · `npy`: float32 [n, height, width, channels] as the generator gives them · `webp`: an animation. */
    as: z.enum(['png', 'zip', 'npy', 'webp']).default('png'),
    /**
     * Looks for so many images nearest to each in the job's training data, without held-out ones. `png` is then a row per image, its neighbours
     * behind it; `zip` gets this picture and the numbers too.
     */
    neighbours: z.int().min(1).max(8).optional(),
  })
  .refine((request) => numGenerated(request) <= MAX_GENERATED, {
    path: ['from', 'frames'],
    message: `makes more than ${MAX_GENERATED} images: fewer frames or fewer seeds`,
    params: { code: 'out-of-range' },
  })
  .refine((request) => request.neighbours === undefined || numGenerated(request) <= MAX_NEIGHBOURED, {
    path: ['neighbours'],
    message: `are looked for of at most ${MAX_NEIGHBOURED} images: ask for fewer in "from", or leave it out`,
    params: { code: 'out-of-range' },
  })
  .refine((request) => request.neighbours === undefined || request.as !== 'webp', {
    path: ['neighbours'],
    message: 'have no place in an animation: ask for png, zip or npy, or leave it out',
    params: { code: 'conflicting-options' },
  })
  .meta({ id: 'Generate' })
export type Generate = z.infer<typeof Generate>
export type GenerateInput = z.input<typeof Generate>

export const generatedMedia = {
  png: 'image/png',
  zip: 'application/zip',
  npy: 'application/octet-stream',
  webp: 'image/webp',
} as const satisfies Record<Generate['as'], string>

/** How many images a request asks for. */
export function numGenerated({ from }: { from: z.infer<typeof Source> }): number {
  switch (from.kind) {
    case 'seeds':
      return from.count
    case 'latents':
      return from.latents.length
    case 'path':
      return (from.loop ? from.seeds.length : from.seeds.length - 1) * from.frames + (from.loop ? 0 : 1)
  }
}

const Distances = z.object({ images: z.int(), median: z.number(), smallest: z.number() })

/**
 * Generated images beside the training images that are nearest to them. Distances are root mean square differences of the prepared pixels in the
 * scale −1 … 1: Euclidean distance over the root of the number of values. 0 is a copy, 2 black beside white.
 */
export const Neighbours = z
  .object({
    /** That were looked among: all that the job trains on. */
    trainingImages: z.int(),
    /** Of the generated images to their nearest training image. */
    generated: Distances,
    /**
     * The same of real images that no generator made: `held-out` ones, or `training` images to the nearest other one where the job held none back.
     * Generated images much nearer than these are copies.
     */
    real: Distances.extend({ of: z.enum(['held-out', 'training']) }),
    /** Per generated image, in order, its neighbours, nearest first and of equally near ones the lower number first. */
    images: z.array(
      z.object({
        image: z.int(),
        nearest: z.array(
          z.object({
            /** The image's number in the dataset version. */
            index: z.int(),
            distance: z.number(),
            /** Its class's name; null without one. */
            label: z.string().nullable(),
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'Neighbours' })
export type Neighbours = z.infer<typeof Neighbours>

/** What was drawn. */
export const Generated = z
  .object({
    numImages: z.int(),
    imageSize: z.int(),
    channels: z.int(),
    weights: z.enum(['generator', 'average']),
    /** Where they were asked for. */
    neighbours: Neighbours.optional(),
    sizeBytes: z.int(),
    sha256: z.string(),
    /** Path of the bytes. */
    url: z.string(),
  })
  .meta({ id: 'Generated' })
export type Generated = z.infer<typeof Generated>
