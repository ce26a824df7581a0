import { batchNormFor } from '../batch-norm.js'
import { type Layer, sequential } from '../layer.js'
import { doubling, extraConvolution, projection, reluLayer, tanhLayer } from '../layers.js'
import type { GeneratorShape } from '../shapes.js'

/** The authors' DCGAN_G: latent [n, nz] to images [n, size, size, channels] in [−1, 1]. */
export const dcgan = (shape: GeneratorShape): Layer =>
  dcganGenerator(shape, { norm: batchNormFor(shape.classes), widths: halvingWidths(shape) })

/**
 * Channels at 4 × 4, 8 × 8, … up to half the image. The authors halve ngf first, then double once per doubling of the
 * image: an odd ngf loses its last filter.
 */
export function halvingWidths({ imageSize, filters }: GeneratorShape): number[] {
  const narrowest = Math.floor(filters / 2)
  if (narrowest === 0) throw new RangeError('a DCGAN generator needs generatorFilters of at least 2')
  return numDoublings(imageSize).map((k) => (narrowest * (imageSize / 4)) / 2 ** k)
}

/** 0, 1, … one for each size from 4 × 4 up to half the image. */
export const numDoublings = (imageSize: number): number[] => [...Array(Math.log2(imageSize / 4)).keys()]

/** The pyramid that the DCGAN generators share; `norm` follows every convolution but the last. */
export function dcganGenerator(
  { channels, latentSize, extraLayers }: GeneratorShape,
  { norm, widths }: { norm: ((name: string, channels: number) => Layer) | null; widths: number[] },
): Layer {
  const block = (prefix: string, width: number, convolution: Layer): Layer[] => [
    convolution,
    ...(norm ? [norm(`main.${prefix}:${width}:batchnorm`, width)] : []),
    reluLayer,
  ]

  const [first, ...rest] = widths as [number, ...number[]]
  const project = projection(`main.initial:${latentSize}-${first}:convt`, { from: latentSize, to: first })
  const layers = block('initial', first, project)
  let width = first
  rest.forEach((to, k) => {
    // Widths name the authors' layers; where they repeat, the layer's place has to.
    const prefix = width === to ? `pyramid-${k}` : 'pyramid'
    layers.push(...block(prefix, to, doubling(`main.${prefix}:${width}-${to}:convt`, { from: width, to })))
    width = to
  })
  for (let t = 0; t < extraLayers; t++) {
    const prefix = `extra-layers-${t}`
    layers.push(...block(prefix, width, extraConvolution(`main.${prefix}:${width}:conv`, width)))
  }
  layers.push(doubling(`main.final:${width}-${channels}:convt`, { from: width, to: channels }), tanhLayer)
  return sequential(layers)
}
