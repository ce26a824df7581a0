// What a layer costs, from its shape alone. A network is a list of these; each architecture has one in `generators.ts` or `critics.ts`.

export interface LayerCost {
  /** Numbers that are trained. */
  weights: number
  /** Running statistics: kept and stored, not trained. */
  statistics: number
  /** Floating-point operations of one image's forward pass, a multiplication and an addition being two. Norms and activations count
   * none: they cost time, but no arithmetic worth counting. */
  operations: number
  /** Numbers per image that it gives, and that a backward pass needs again. */
  outputs: number
  /** Layers of this shape in a row; a count, so that ten thousand of them cost no more to add up than one. */
  times: number
}

const layer = (cost: Partial<LayerCost>): LayerCost => ({
  weights: 0,
  statistics: 0,
  operations: 0,
  outputs: 0,
  times: 1,
  ...cost,
})

interface Channels {
  from: number
  to: number
}

/** A 4 × 4 convolution that halves an image to `size` pixels a side, without bias. */
export const halving = ({ from, to }: Channels, size: number): LayerCost =>
  layer({ weights: 16 * from * to, operations: 32 * from * to * size ** 2, outputs: to * size ** 2 })

/** The transposed one, which doubles an image to `size`. */
export const doubling = ({ from, to }: Channels, size: number): LayerCost =>
  layer({ weights: 16 * from * to, operations: 32 * from * to * (size / 2) ** 2, outputs: to * size ** 2 })

/** A 3 × 3 convolution that keeps size and width. */
export const keeping = (width: number, size: number): LayerCost =>
  layer({ weights: 9 * width ** 2, operations: 18 * width ** 2 * size ** 2, outputs: width * size ** 2 })

/** A 3 × 3 or 1 × 1 convolution with a bias that keeps the size. */
export const biased = ({ from, to }: Channels, size: number, side: 1 | 3 = 3): LayerCost => {
  const filter = side ** 2 * from * to
  return layer({ weights: filter + to, operations: 2 * filter * size ** 2, outputs: 2 * to * size ** 2 })
}

/** A matrix, with or without a bias. */
export const dense = ({ from, to }: Channels, { bias }: { bias: boolean }): LayerCost =>
  layer({ weights: from * to + (bias ? to : 0), operations: 2 * from * to, outputs: to })

/** A number per channel that is added. */
export const bias = (channels: number): LayerCost => layer({ weights: channels, outputs: channels })

export const activation = (outputs: number): LayerCost => layer({ outputs })

/** One fused op. */
export const batchNorm = (width: number, size: number): LayerCost =>
  layer({ weights: 2 * width, statistics: 2 * width, outputs: width * size ** 2 })

/** With a row of scales and of offsets per class: two products of the class with them, and ops that keep the normalised and the scaled image. */
export const conditionalBatchNorm =
  (classes: number): Norm =>
  (width, size) =>
    layer({
      weights: 2 * width * classes,
      statistics: 2 * width,
      operations: 4 * width * classes,
      outputs: 3 * width * size ** 2,
    })

/** A vector per class beside `features` that are scored; with spectral norm a singular vector of a number per class. */
export const projection = (classes: number | undefined, features: number, isSpectral = false): LayerCost[] =>
  classes === undefined
    ? []
    : [
        layer({
          weights: classes * features,
          statistics: isSpectral ? classes : 0,
          operations: 2 * (classes + 1) * features,
          outputs: 2 * features,
        }),
      ]

/** Made of elementary ops, each of which keeps a whole image: centred, squared, normalised, scaled, shifted. */
export const layerNorm = (width: number, size: number): LayerCost =>
  layer({ weights: 2 * width, outputs: 5 * width * size ** 2 })

/** With a singular vector of as many numbers as it has outputs a pixel. */
export const spectral = (cost: LayerCost, width: number): LayerCost => ({ ...cost, statistics: width })

export type Norm = (width: number, size: number) => LayerCost

/** The same layers `times` over. */
export const repeated = (times: number, layers: readonly LayerCost[]): LayerCost[] =>
  layers.map((one) => ({ ...one, times }))
