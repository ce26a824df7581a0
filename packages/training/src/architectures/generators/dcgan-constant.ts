import type { Layer } from '../layer.js'
import type { GeneratorShape } from '../shapes.js'
import { dcganGenerator, numDoublings } from './dcgan.js'

/**
 * No batch norm and the same number of filters in every layer: what the paper trained for Fig. 6, with 11.8 times fewer
 * parameters than the doubling pyramid at 64 filters. The authors' published code has no such network.
 */
export const dcganConstant = (shape: GeneratorShape): Layer =>
  dcganGenerator(shape, { norm: null, widths: numDoublings(shape.imageSize).map(() => shape.filters) })
