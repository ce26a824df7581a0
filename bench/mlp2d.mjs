// The 2-D toy: two MLPs of 128 units, batches of 256 points. The arithmetic is nothing, so what is timed is overhead.
const BATCH = 256
const WIDTH = 128
const CRITIC_STEPS = 5

/** @returns a function that runs one generator step (five critic steps and one of the generator) in one native call */
export async function compileMlp2d() {
  const engine = await import('@kantor/engine')
  // One thread per op: nothing here is worth splitting.
  await engine.loadTensorFlow({ threads: 1 })
  const { compileProgram, createRmsProp, dense, randomNormal, relu, tf, weightedGradients } = engine

  const layer = (from, to) => {
    const bound = 1 / Math.sqrt(from)
    return [
      tf.variable(tf.randomUniform([from, to], -bound, bound)),
      tf.variable(tf.randomUniform([to], -bound, bound)),
    ]
  }
  const network = (from, to) => [layer(from, WIDTH), layer(WIDTH, WIDTH), layer(WIDTH, WIDTH), layer(WIDTH, to)]
  const forward = (layers, x) =>
    layers.reduce((h, [weights, offset], i) => {
      const out = dense(h, weights, offset)
      return i < layers.length - 1 ? relu(out) : out
    }, x)

  const critic = network(2, 1)
  const generator = network(2, 2)
  const [criticWeights, generatorWeights] = [critic.flat(), generator.flat()]
  const rates = { learningRate: 5e-5 }
  const [criticOptimizer, generatorOptimizer] = [
    createRmsProp(criticWeights, rates),
    createRmsProp(generatorWeights, rates),
  ]
  const signs = tf.tensor1d([1, -1])
  const one = tf.tensor1d([1])
  const none = tf.zeros([0])
  const score = (x) => tf.reshape(tf.mean(forward(critic, x)), [])

  const program = compileProgram({
    variables: [...criticWeights, ...generatorWeights].concat(
      ...[criticOptimizer, generatorOptimizer].flatMap(({ slots }) => slots.map(({ values }) => values)),
    ),
    steps: {
      critic: {
        inputs: { real: { shape: [BATCH, 2] }, latent: { shape: [2], dtype: 'int32' } },
        step: ({ real, latent }) => {
          for (const weights of criticWeights) weights.assign(tf.clipByValue(weights, -0.01, 0.01))
          const fake = forward(generator, randomNormal([BATCH, 2], latent))
          const { value, gradients } = weightedGradients(
            () => tf.stack([score(real), score(fake)]),
            signs,
            criticWeights,
          )
          criticOptimizer.update(gradients, none)
          return { terms: value }
        },
      },
      generator: {
        inputs: { latent: { shape: [2], dtype: 'int32' } },
        step: ({ latent }) => {
          const fake = () => tf.reshape(score(forward(generator, randomNormal([BATCH, 2], latent))), [1])
          const { value, gradients } = weightedGradients(fake, one, generatorWeights)
          generatorOptimizer.update(gradients, none)
          return { terms: value }
        },
      },
    },
    sequences: { turn: [...Array.from({ length: CRITIC_STEPS }, () => 'critic'), 'generator'] },
  })
  const real = Float32Array.from({ length: BATCH * 2 }, (_, i) => Math.sin(i))
  let draws = 0
  const latent = () => Int32Array.of(1, draws++)
  return {
    step: () =>
      program.runSequence('turn', [
        ...Array.from({ length: CRITIC_STEPS }, () => ({ real, latent: latent() })),
        { latent: latent() },
      ]),
  }
}
