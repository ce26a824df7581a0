import type { Layer } from '../layer.js'
import type { GeneratorShape } from '../shapes.js'
import { dcganGenerator, halvingWidths } from './dcgan.js'

/** The authors' DCGAN_G_nobn: the same pyramid without batch norm. */
export const dcganNobn = (shape: GeneratorShape): Layer =>
  dcganGenerator(shape, { norm: null, widths: halvingWidths(shape) })
