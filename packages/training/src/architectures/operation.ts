import type { Parameter } from './parameter.js'

/**
 * What a layer computes, as data, for those who write a network down in another format. One image at a time: shapes are without the batch
 * and channels come last. The numbers are those of `apply`, which trains; tests hold the two together.
 */
export type Operation =
  /** x [from] times `weight` [from, to], and `bias` [to]. */
  | { kind: 'dense'; weight: Parameter; bias?: Parameter }
  /** `weight` [height, width, in, out], `same` padding, and `bias` [out]. */
  | { kind: 'convolution'; weight: Parameter; bias?: Parameter; strides: number }
  /** `weight` [height, width, out, in], `same` padding: the image grows by `strides`. */
  | { kind: 'transposed-convolution'; weight: Parameter; strides: number }
  | BatchNormOperation
  | { kind: 'relu' }
  | { kind: 'tanh' }
  | { kind: 'reshape'; shape: readonly number[] }
  /** Every pixel four times: twice the height and width. */
  | { kind: 'copy-pixels' }
  /** The sum of what two paths make of the same x; an empty one hands x on. */
  | { kind: 'sum'; paths: readonly [readonly Operation[], readonly Operation[]] }

/** `scale` and `offset` have a row per class where the network is conditional. */
export interface BatchNormOperation {
  kind: 'batch-norm'
  scale: Parameter
  offset: Parameter
  mean: Parameter
  variance: Parameter
  epsilon: number
}
