// A TensorFlow.js LayersModel: `model.json` with Keras' layers, and the weights one after another in `weights.bin`.
import type { Operation } from '../architectures/operation.js'
import type { Parameter } from '../architectures/parameter.js'
import { type ExportedFile, type ExportedNetwork, INPUT, OUTPUT, scopeOf } from './exported-network.js'

interface KerasLayer {
  class_name: string
  name: string
  config: Record<string, unknown>
  /** One call, with the layers whose outputs it takes. */
  inbound_nodes: [string, 0, 0, Record<string, never>][][]
}

interface StoredWeight {
  name: string
  shape: readonly number[]
  values: Float32Array
}

interface Model {
  network: ExportedNetwork
  /** Returns the layer's name. */
  add: (
    hint: string,
    kind: string,
    config: object,
    inputs: readonly string[],
    weights?: Record<string, Parameter>,
  ) => string
}

/** Batch norm by running statistics: Keras knows no other in inference. */
export function layersModel(network: ExportedNetwork): ExportedFile[] {
  const layers: KerasLayer[] = []
  const weights: StoredWeight[] = []
  const model = createModel(network, layers, weights)
  const input = { batch_input_shape: [null, network.latentSize], dtype: 'float32', sparse: false }
  const first = model.add(INPUT, 'InputLayer', input, [])
  const last = network.operations.reduce((x, operation) => translate(model, operation, x), first)
  const images = model.add(OUTPUT, 'Activation', { activation: 'linear' }, [last])
  const topology = {
    class_name: 'Model',
    config: { name: 'generator', layers, input_layers: [[first, 0, 0]], output_layers: [[images, 0, 0]] },
  }
  const manifest = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }))
  const json = {
    format: 'layers-model',
    generatedBy: 'kantor',
    convertedBy: null,
    modelTopology: { model_config: topology, keras_version: '2.15.0', backend: 'tensorflow' },
    weightsManifest: [{ paths: ['weights.bin'], weights: manifest }],
  }
  return [
    { name: 'model.json', bytes: Buffer.from(JSON.stringify(json)) },
    { name: 'weights.bin', bytes: Buffer.concat(weights.map(({ values }) => new Uint8Array(values.buffer))) },
  ]
}

function createModel(network: ExportedNetwork, layers: KerasLayer[], stored: StoredWeight[]): Model {
  const counts = new Map<string, number>()
  return {
    network,
    add(hint, kind, config, inputs, weights = {}) {
      const count = counts.get(hint) ?? 0
      counts.set(hint, count + 1)
      const name = count === 0 ? hint : `${hint}_${count}`
      const calls = inputs.length === 0 ? [] : [inputs.map((input): [string, 0, 0, {}] => [input, 0, 0, {}])]
      layers.push({ class_name: kind, name, config: { name, ...config }, inbound_nodes: calls })
      for (const [key, parameter] of Object.entries(weights))
        stored.push({
          name: `${name}/${key}`,
          shape: parameter.layout.shape,
          values: network.valuesOf(parameter),
        })
      return name
    },
  }
}

function translate(model: Model, operation: Operation, x: string): string {
  const { add } = model
  switch (operation.kind) {
    case 'dense': {
      const units = operation.weight.layout.shape[1] as number
      return withWeights(model, 'Dense', operation, { units }, x)
    }
    case 'convolution':
      return withWeights(model, 'Conv2D', operation, convolution(operation, 3), x)
    case 'transposed-convolution':
      return withWeights(model, 'Conv2DTranspose', operation, convolution(operation, 2), x)
    case 'batch-norm': {
      const { scale, offset, mean, variance, epsilon } = operation
      const weights = { gamma: scale, beta: offset, moving_mean: mean, moving_variance: variance }
      return add(scopeOf(scale), 'BatchNormalization', { axis: 3, epsilon, center: true, scale: true }, [x], weights)
    }
    case 'relu':
    case 'tanh':
      return add(operation.kind, 'Activation', { activation: operation.kind }, [x])
    case 'reshape':
      return add('reshape', 'Reshape', { target_shape: operation.shape }, [x])
    case 'copy-pixels':
      return add('copies', 'UpSampling2D', { size: [2, 2], data_format: 'channels_last', interpolation: 'nearest' }, [
        x,
      ])
    case 'sum': {
      const ends = operation.paths.map((path) => path.reduce((value, next) => translate(model, next, value), x))
      return add('sum', 'Add', {}, ends)
    }
  }
}

function withWeights(
  { add }: Model,
  kind: string,
  { weight, bias }: { weight: Parameter; bias?: Parameter },
  config: object,
  x: string,
): string {
  const weights = { kernel: weight, ...(bias && { bias }) }
  const all = { ...config, activation: 'linear', use_bias: bias !== undefined }
  return add(scopeOf(weight), kind, all, [x], weights)
}

/** `outAxis`: where the weight's shape says how many channels come out. */
function convolution({ weight, strides }: { weight: Parameter; strides: number }, outAxis: 2 | 3): object {
  const { shape } = weight.layout
  return {
    filters: shape[outAxis],
    kernel_size: shape.slice(0, 2),
    strides: [strides, strides],
    padding: 'same',
    data_format: 'channels_last',
    dilation_rate: [1, 1],
  }
}
