import type { CriticKind, GeneratorKind, Model } from '@kantor/contracts'
import { dcgan as dcganCritic } from './critics/dcgan.js'
import { dcganLn } from './critics/dcgan-ln.js'
import { dcganNobn as dcganNobnCritic } from './critics/dcgan-nobn.js'
import { dcganSn } from './critics/dcgan-sn.js'
import { mlp as mlpCritic } from './critics/mlp.js'
import { resnet as resnetCritic } from './critics/resnet.js'
import { resnetSn } from './critics/resnet-sn.js'
import { dcgan } from './generators/dcgan.js'
import { dcganConstant } from './generators/dcgan-constant.js'
import { dcganNobn } from './generators/dcgan-nobn.js'
import { mlp } from './generators/mlp.js'
import { resnet } from './generators/resnet.js'
import { shift } from './generators/shift.js'
import type { Layer } from './layer.js'
import type { CriticShape, GeneratorShape } from './shapes.js'

/** One line per kind; the compiler refuses a kind of the contracts that has none. */
export const generators = {
  dcgan,
  'dcgan-nobn': dcganNobn,
  'dcgan-constant': dcganConstant,
  mlp,
  resnet,
  shift,
} satisfies Record<GeneratorKind, (shape: GeneratorShape) => Layer>

export const critics = {
  dcgan: dcganCritic,
  'dcgan-nobn': dcganNobnCritic,
  'dcgan-ln': dcganLn,
  'dcgan-sn': dcganSn,
  mlp: mlpCritic,
  resnet: resnetCritic,
  'resnet-sn': resnetSn,
} satisfies Record<CriticKind, (shape: CriticShape) => Layer>

export interface Networks {
  generator: Layer
  critic: Layer
}

/** The two networks of a job. @throws RangeError when the shapes do not fit the kind. */
export function buildNetworks(model: Model, channels: number): Networks {
  const { imageSize, latentSize, extraLayers, classes } = model
  const shared = { imageSize, channels, extraLayers, classes }
  return {
    generator: generators[model.generator]({ ...shared, latentSize, filters: model.generatorFilters }),
    critic: critics[model.critic]({ ...shared, filters: model.criticFilters }),
  }
}
