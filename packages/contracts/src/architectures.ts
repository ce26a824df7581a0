import { z } from 'zod'

/**
 * Generators: the authors' DCGAN, DCGAN without batch norm, the same with one number of filters in every layer (the
 * paper's Fig. 6, which the authors' code lacks), the 4-layer ReLU MLP, and the residual network of the WGAN-GP paper. On points also `shift`, the
 * generator of Example 1: g(z) = θ + (0, …, 0, Φ(z)), uniform in its last `latentSize` coordinates; it learns θ alone, from 0.
 */
export const GeneratorKind = z.enum(['dcgan', 'dcgan-nobn', 'dcgan-constant', 'mlp', 'resnet', 'shift'])
export type GeneratorKind = z.infer<typeof GeneratorKind>

/**
 * Critics: the authors' DCGAN critic (batch norm, no sigmoid), DCGAN without batch norm, DCGAN with layer norm (for a
 * gradient penalty: no score looks at the rest of its batch), with spectral norm, the 4-layer ReLU MLP, and the residual network of
 * the WGAN-GP paper, with layer norm or with spectral norm.
 */
export const CriticKind = z.enum(['dcgan', 'dcgan-nobn', 'dcgan-ln', 'dcgan-sn', 'mlp', 'resnet', 'resnet-sn'])
export type CriticKind = z.infer<typeof CriticKind>

/** Generators with the batch norms that a class can set. */
const CONDITIONAL_GENERATORS: readonly GeneratorKind[] = ['dcgan', 'resnet']

/** Sizes that the DCGAN pyramids can reach: 16 · 2^k. The authors assert `isize % 16 == 0`, which lets 48 loop for ever. */
export const IMAGE_SIZES = [16, 32, 64, 128, 256] as const

/** `imageSize` of a model for points: a point is a 1 × 1 image with a channel per coordinate. */
export const POINT_SIZE = 1

/** How the sizes of the layers would go on from `size`. */
function halvings(size: number): string {
  const sizes = [size]
  for (let at = size; at > 4 && Number.isInteger(at) && sizes.length < 12;) sizes.push((at /= 2))
  return sizes.join(' → ')
}

/** Network shapes. Defaults are those of the authors' main.py. */
export const Model = z
  .strictObject({
    generator: GeneratorKind.default('dcgan'),
    critic: CriticKind.default('dcgan'),
    /** Pixels per side, 16 · 2^k; 1 for a dataset of points. */
    imageSize: z
      .int()
      .refine((size) => size === POINT_SIZE || (IMAGE_SIZES as readonly number[]).includes(size), {
        error: ({ input }) =>
          `must be 16 · 2^k (${IMAGE_SIZES.join(', ')}): each layer of the pyramid halves the image down to 4 × 4; ${halvings(Number(input))}`,
        params: { code: 'incompatible-shape', allowed: IMAGE_SIZES },
      })
      .default(64),
    /** Dimensions of the latent z ~ N(0, 1) (the authors' nz). */
    latentSize: z.int().min(1).max(1024).default(100),
    /** The authors' ngf: filters before the last layer, or hidden units of the MLP. */
    generatorFilters: z.int().min(1).max(1024).default(64),
    /** The authors' ndf. */
    criticFilters: z.int().min(1).max(1024).default(64),
    /** The authors' n_extra_layers: 3 × 3 convolutions at the widest resolution of each DCGAN network. */
    extraLayers: z.int().min(0).max(16).default(0),
    /**
     * Conditions both networks on the class of an image, of so many: as many as the dataset has labels. The generator's batch norms get a
     * scale and an offset per class (Dumoulin et al. 2017), the critic's score a projection of its last features on a vector per class
     * (Miyato and Koyama 2018, equation 3). Without it labels play no part.
     */
    classes: z.int().min(2).max(1000).optional(),
  })
  .refine(({ classes, generator }) => classes === undefined || CONDITIONAL_GENERATORS.includes(generator), {
    path: ['classes'],
    error: ({ input }) =>
      `a class sets the batch norms of the generator, and ${(input as { generator: string }).generator} has none; take ${CONDITIONAL_GENERATORS.join(' or ')}, or leave classes out`,
    params: { code: 'conflicting-options' },
  })
  .refine(
    (model) => model.extraLayers === 0 || [model.generator, model.critic].some((kind) => kind.startsWith('dcgan')),
    {
      path: ['extraLayers'],
      message: 'only DCGAN networks have extra convolutions; set it to 0 or choose one',
      params: { code: 'conflicting-options' },
    },
  )
  .superRefine((model, context) => {
    const refuse = (key: 'generator' | 'critic', message: string) =>
      context.addIssue({ code: 'custom', path: [key], message, params: { code: 'incompatible-shape' } })
    if (model.imageSize !== POINT_SIZE) {
      if (model.generator === 'shift')
        refuse('generator', 'makes points: set imageSize to 1 and take a dataset of points')
      return
    }
    const fitting = 'at imageSize 1 a sample is a point, which has no pyramid;'
    if (model.generator !== 'mlp' && model.generator !== 'shift') refuse('generator', `${fitting} take mlp or shift`)
    if (model.critic !== 'mlp') refuse('critic', `${fitting} take mlp`)
  })
  // The authors halve ngf before they double it (`cngf = ngf//2`), so one filter would leave none.
  .refine((model) => !['dcgan', 'dcgan-nobn'].includes(model.generator) || model.generatorFilters >= 2, {
    path: ['generatorFilters'],
    message: 'a DCGAN generator needs at least 2 filters, since the authors start from half of them',
    params: { code: 'incompatible-shape' },
  })
export type Model = z.infer<typeof Model>
