import type { JobSpec } from '@kantor/contracts'
import { tf } from '@kantor/engine'
import { inTurn, oneHot } from './classes.js'
import type { ImageSource, TrainEvent } from './events.js'
import type { Game } from './game.js'
import { drawLatents } from './latents.js'
import { toBytes } from './pixels.js'

/**
 * Images from the job's fixed latents, and of every class in turn where there are classes, batch norm by the statistics of this very batch as the authors do. Unlike theirs,
 * our grids leave the running statistics alone: looking at a run must not change it. Where the generator has a running mean, that draws.
 */
export function sample(
  game: Game,
  spec: Pick<JobSpec, 'model' | 'sampling' | 'seed'>,
  at: { step: number; channels: number; dtype: ImageSource['dtype'] },
): Extract<TrainEvent, { type: 'sample' }> {
  const { imageSize, latentSize, classes } = spec.model
  const numImages = spec.sampling.count
  const images = tf.tidy(() => {
    const latentNZ = drawLatents({ count: numImages, latentSize }, spec.seed, { stream: 'sampleLatent' })
    const classesNK =
      classes === undefined ? undefined : tf.tensor2d(oneHot(inTurn(numImages, classes), classes), [numImages, classes])
    const values = (game.average ?? game.generator).forward(latentNZ, 'batch', { classesNK }).dataSync<'float32'>()
    return at.dtype === 'float32' ? values : toBytes(values)
  })
  return { type: 'sample', step: at.step, images, numImages, imageSize, channels: at.channels }
}
