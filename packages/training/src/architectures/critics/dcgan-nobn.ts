import type { Layer } from '../layer.js'
import type { CriticShape } from '../shapes.js'
import { dcganCritic } from './dcgan.js'

/**
 * DCGAN_D_nobn: the same pyramid without batch norm. The authors wrote it and never call it (their `--noBN` leaves the
 * critic alone); a gradient penalty needs it, since batch norm ties a score to the rest of its batch.
 */
export const dcganNobn = (shape: CriticShape): Layer => dcganCritic(shape, null)
