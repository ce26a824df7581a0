import type { Layer } from '../layer.js'
import { layerNormalised } from '../layers.js'
import type { CriticShape } from '../shapes.js'
import { dcganCritic } from './dcgan.js'

/** The pyramid with layer norm where the authors have batch norm, as Gulrajani et al. 2017 (section 4) recommend under a penalty. */
export const dcganLn = (shape: CriticShape): Layer =>
  dcganCritic(shape, (prefix, width) => layerNormalised(`${prefix}:layernorm`, width))
