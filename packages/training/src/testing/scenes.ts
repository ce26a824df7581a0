import { type JobSpec, lossNames, type SeriesName } from '@kantor/contracts'
import { pinnedLowerings, seedPair, tf } from '@kantor/engine'
import { createDiagnosis, probeShape } from '../diagnostics/diagnosis.js'
import { createProbes } from '../diagnostics/probes.js'
import type { ImageSource } from '../events.js'
import { createGame, type Game } from '../game.js'
import { splitImages } from '../held-out.js'
import type { Player } from '../player.js'
import { sample } from '../sampling.js'
import { createStepper } from '../step/stepper.js'
import { aSpec, someImages } from './runs.js'

// Networks in which something is planted, and what a run measures of them.

export type Measured = Partial<Record<SeriesName, number>>

export interface Scene {
  spec?: JobSpec
  images?: ImageSource
  /** Critic steps before the change, so that there is something to lose. */
  learned?: number
  /** To both networks as they are then. */
  change?: (game: Game) => void
}

/** Weights of a network whose name matches, each by itself. */
export function set({ weights }: Player, names: RegExp, change: (value: number, i: number) => number): void {
  for (const { parameter, variable } of weights) {
    if (!names.test(parameter.name)) continue
    variable.assign(tf.tidy(() => tf.tensor(variable.dataSync<'float32'>().map(change), variable.shape)))
  }
}

/** Everything that a run would measure at a generator step at which all is due, and of its samples. */
export function measuredIn({ spec = aSpec(), images: all = someImages(64), learned = 0, change }: Scene): Measured {
  const split = splitImages(all, spec)
  const images = split.training
  const game = createGame(spec, images.channels)
  const probes = createProbes(game, probeShape(spec, split))
  const stepper = createStepper('eager', game, spec, { images, chooser: pinnedLowerings(), probes })
  const diagnosis = createDiagnosis(spec, split, stepper)
  try {
    for (let step = 0; step < learned; step++) stepper.critic(batchAt(step, spec, images), step)
    change?.(game)
    stepper.critic(batchAt(learned, spec, images), learned)
    const point = stepper.generator({ step: 0, criticStep: learned + 1 })
    const grid = sample(game, spec, { step: 0, channels: images.channels, dtype: images.dtype })
    const losses: Measured = Object.fromEntries(lossNames.map((name, i) => [name, point.values[i]]))
    return { ...losses, ...point.diagnostics, ...diagnosis.at(100), ...diagnosis.ofSample(grid) }
  } finally {
    stepper.dispose()
    game.dispose()
  }
}

const batchAt = (step: number, { batchSize }: JobSpec, { numImages }: ImageSource): Int32Array =>
  Int32Array.from({ length: batchSize }, (_, i) => (step * batchSize + i) % numImages)

/** Noise has nothing to learn but the images themselves. */
export const noise = (numImages: number): ImageSource => ({
  ...someImages(numImages),
  read: (indices) => {
    const pixels = new Uint8Array(indices.length * 256)
    indices.forEach((index, n) => {
      const [a, b] = seedPair(index, 'init')
      for (let i = 0; i < 256; i++) pixels[n * 256 + i] = Math.imul(a + i * b, 0x9e3779b1) >>> 24
    })
    return pixels
  },
})
