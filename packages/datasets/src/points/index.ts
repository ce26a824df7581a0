import { createHash } from 'node:crypto'
import type { Dataset, PointLaw, PointLawKind, PointLawOf } from '@kantor/contracts'
import { drawAt } from './counter.js'
import { grid25 } from './grid.js'
import type { DrawnLaw } from './law.js'
import { lines } from './lines.js'
import { minfunnels } from './minfunnels.js'
import { ring8 } from './ring.js'
import { swissRoll } from './swiss-roll.js'
import { twoGaussians } from './two-gaussians.js'

/** One line per kind; the compiler refuses a kind of the contracts that has none. */
const laws = {
  lines,
  'two-gaussians': twoGaussians,
  'ring-8': ring8,
  'grid-25': grid25,
  'swiss-roll': swissRoll,
  minfunnels,
} satisfies { [K in PointLawKind]: (law: PointLawOf<K>) => DrawnLaw }

export function drawnLaw(law: PointLaw): DrawnLaw {
  const create = laws[law.kind] as (law: PointLaw) => DrawnLaw
  return create(law)
}

/**
 * Points in one pass over a synthetic dataset. A power of two, so that the usual batches leave no tail; many, so that a
 * network cannot learn them by heart.
 */
const NUM_POINTS = 2 ** 20

/** Rises when a law draws other points than before: versions that were registered earlier are then refused, not trained on. */
const FORMULA = 1

/** What the database needs to know of a synthetic dataset. Its content hash is that of the law, of which its points are a function. */
export function pointDataset(id: string, law: PointLaw): Omit<Dataset, 'createdAt'> {
  const keys = Object.entries(law).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const contentHash = createHash('sha256')
    .update(JSON.stringify({ formula: FORMULA, law: keys }))
    .digest('hex')
  return {
    id,
    version: contentHash.slice(0, 16),
    contentHash,
    numImages: NUM_POINTS,
    channels: drawnLaw(law).dimensions,
    law,
    labels: [],
    source: `points drawn from the law ${law.kind}`,
    sizeBytes: 0,
  }
}

/** Points as a trainer reads them: 1 × 1 images of float32 with a channel per coordinate. */
export interface PointSource {
  readonly dtype: 'float32'
  readonly numImages: number
  readonly imageSize: 1
  readonly channels: number
  /** float32, indices.length × channels, in the order asked for. */
  read(indices: Int32Array): Float32Array
}

export function openPoints(law: PointLaw): PointSource {
  const drawn = drawnLaw(law)
  const { dimensions } = drawn
  return {
    dtype: 'float32',
    numImages: NUM_POINTS,
    imageSize: 1,
    channels: dimensions,
    read(indices) {
      const points = new Float32Array(indices.length * dimensions)
      indices.forEach((index, i) => points.set(drawn.point(drawAt(law.seed, index)), i * dimensions))
      return points
    },
  }
}
