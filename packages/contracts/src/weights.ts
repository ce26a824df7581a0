import { z } from 'zod'
import { wholeNumber } from './strings.js'

const node = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*(:0)?$/, {
    message: 'must be the name of a node of the graph, such as pool_3, or pool_3:0',
  })
const pixelRange = z.enum(['0..255', '0..1', '-1..1'])

/**
 * A network of one's own that evaluations take features from: a frozen TensorFlow graph, where images go in and where the features come out.
 * What is not said is so of the Inception network of 2015, the one that the Fréchet inception distance was defined with.
 */
export const FeatureNetwork = z
  .object({
    /** The node in place of which images are fed: float32 [n, height, width, 3]. A grey image is fed three times. */
    input: node,
    /** The node whose first output is the features, float32: [n, d], or [n, …, 1] with d numbers in all. */
    output: node,
    /** Pixels a side to which images are resized before (bilinear, pixel centres at ½); null: as they are, the network resizes them itself. */
    size: z.int().min(8).max(1024).nullable(),
    /** What black and white are. */
    range: pixelRange,
  })
  .meta({ id: 'FeatureNetwork' })
export type FeatureNetwork = z.infer<typeof FeatureNetwork>

/** What an upload is: weights for jobs to start from, or a network for evaluations, and then how to use it. */
export const UploadWeightsQuery = z.strictObject({
  holds: z.enum(['networks', 'features']).default('networks'),
  input: node.optional(),
  output: node.optional(),
  size: wholeNumber(8, 1024).optional(),
  range: pixelRange.optional(),
})
export type UploadWeightsQuery = z.infer<typeof UploadWeightsQuery>

/** The network that a query describes. */
export const featureNetworkOf = ({ input, output, size, range }: UploadWeightsQuery): FeatureNetwork => ({
  input: (input ?? 'ExpandDims').replace(/:0$/, ''),
  output: (output ?? 'pool_3').replace(/:0$/, ''),
  size: size ?? null,
  range: range ?? '0..255',
})

/** Uploaded weights: those that jobs can start from, `"startFrom": {"weights": id}`, or a network that evaluations can measure by, `"extractor": id`. */
export const Weights = z
  .object({
    id: z.uuid(),
    sizeBytes: z.int(),
    sha256: z.string(),
    /**
     * What the file holds: `generator` under names that begin with `netG.`, `critic` under `netD.`; what it lacks starts from scratch. Or
     * `features`: a network to measure by.
     */
    networks: z.array(z.enum(['generator', 'critic', 'features'])),
    /** How to use a network that holds `features`; null of others. */
    features: FeatureNetwork.nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Weights' })
export type Weights = z.infer<typeof Weights>
