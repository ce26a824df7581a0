import type { Layer } from '../layer.js'
import type { CriticShape } from '../shapes.js'
import { spectralWeight } from '../weight-norm.js'
import { residualCritic } from './resnet.js'

/** Miyato et al. 2018: the residual critic with every weight divided by its largest singular value, and no other norm. */
export const resnetSn = (shape: CriticShape): Layer => residualCritic(shape, { norm: null, weightNorm: spectralWeight })
