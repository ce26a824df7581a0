import type { CriticHealth, CurvePoint } from '@kantor/contracts'
import type { Lowerings } from '@kantor/engine'

/** Square images of one dataset, already at the size of the job; or points, which are 1 × 1 images with a channel per coordinate. */
export interface ImageSource {
  /** `float32` values go into the networks as they are; `uint8`, which is meant when it is left out, become [−1, 1]. */
  readonly dtype?: 'uint8' | 'float32'
  readonly numImages: number
  /** Pixels per side. */
  readonly imageSize: number
  readonly channels: number
  /** Per image the number of its class, or −1; a conditional run needs them. */
  readonly labels?: Int32Array | undefined
  /** NHWC of the images with these indices, one after the other. */
  read(indices: Int32Array): Uint8Array | Float32Array
}

export type Determinism = 'bitwise' | 'best-effort'

/** What a training run tells. Steps are generator steps. */
export type TrainEvent =
  /** `lowerings`: how the graph's convolutions are computed; worth keeping for the next run on this machine. */
  | { type: 'ready'; step: number; determinism: Determinism; lowerings: Lowerings }
  /** One per generator step; `epoch` counts complete passes over the data before it. */
  | { type: 'point'; point: CurvePoint; epoch: number }
  /** NHWC images from the job's fixed latents: uint8 pixels, or the values themselves where the data is float32. */
  | {
      type: 'sample'
      step: number
      images: Uint8Array | Float32Array
      numImages: number
      imageSize: number
      channels: number
    }
  /** A safetensors file that `train({ resume })` takes. */
  | { type: 'checkpoint'; step: number; bytes: Uint8Array }
  /** The critic came into another state, or is in this one when a run goes on. After the point of its step. */
  | { type: 'health'; health: CriticHealth }
  /** A remedy of the spec was applied. */
  | { type: 'remedy'; step: number; message: string }
  /** `critic_diverged`: a remedy ended it. */
  | { type: 'done'; step: number; outcome: 'budget' | 'stopped' | 'critic_diverged' }
  /**
   * A remedy gives these weights up: go on from the newest checkpoint of at most step `upTo`, with one more in `train({ rollBacks })`. No sample
   * and no checkpoint is made of them.
   */
  | { type: 'done'; step: number; outcome: 'rolled_back'; upTo: number; message: string }

/** What the outside world tells a run. Both are asked between generator steps. */
export interface TrainControl {
  /** End soon: the run closes with a sample, a checkpoint and `done`. */
  shouldStop(): boolean
  /** Seconds since this call of `train` began. Earlier attempts are counted in the checkpoint. */
  elapsedSeconds(): number
}
