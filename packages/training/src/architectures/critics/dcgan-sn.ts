import type { Layer } from '../layer.js'
import type { CriticShape } from '../shapes.js'
import { spectralWeight } from '../weight-norm.js'
import { dcganCritic } from './dcgan.js'

/** The pyramid with every filter divided by its largest singular value (Miyato et al. 2018), and no other norm. */
export const dcganSn = (shape: CriticShape): Layer => dcganCritic(shape, null, spectralWeight)
