import { type Layer, sequential } from '../layer.js'
import { batchNorm, doubling, extraConvolution, projection, reluLayer, tanhLayer } from '../layers.js'
import type { GeneratorShape } from '../shapes.js'

/** The authors' DCGAN_G: latent [n, nz] to images [n, size, size, channels] in [−1, 1]. */
export const dcgan = (shape: GeneratorShape): Layer => dcganGenerator(shape, batchNorm)

/** The pyramid that DCGAN_G and DCGAN_G_nobn share; `norm` follows every convolution but the last. */
export function dcganGenerator(
  { imageSize, channels, latentSize, filters, extraLayers }: GeneratorShape,
  norm: ((name: string, channels: number) => Layer) | null,
): Layer {
  // The authors halve ngf first, then double once per doubling of the image: an odd ngf loses its last filter.
  const narrowest = Math.floor(filters / 2)
  if (narrowest === 0) throw new RangeError('a DCGAN generator needs generatorFilters of at least 2')
  const block = (prefix: string, width: number, convolution: Layer): Layer[] => [
    convolution,
    ...(norm ? [norm(`main.${prefix}:${width}:batchnorm`, width)] : []),
    reluLayer,
  ]

  let width = narrowest * (imageSize / 4)
  const layers = block(
    'initial',
    width,
    projection(`main.initial:${latentSize}-${width}:convt`, { from: latentSize, to: width }),
  )
  for (let size = 4; size < imageSize / 2; size *= 2) {
    const to = width / 2
    layers.push(...block('pyramid', to, doubling(`main.pyramid:${width}-${to}:convt`, { from: width, to })))
    width = to
  }
  for (let t = 0; t < extraLayers; t++) {
    const prefix = `extra-layers-${t}`
    layers.push(...block(prefix, width, extraConvolution(`main.${prefix}:${width}:conv`, width)))
  }
  layers.push(doubling(`main.final:${width}-${channels}:convt`, { from: width, to: channels }), tanhLayer)
  return sequential(layers)
}
