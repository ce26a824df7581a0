// The machine's own limit: large matrix products in TensorFlow, in the precision that is asked for.
const SIZE = 2048
const PRODUCTS = 6

/** @returns floating-point operations per second, the best of several runs */
export async function matmulPeak(precision) {
  const engine = await import('@kantor/engine')
  await engine.loadTensorFlow()
  const { compile, tf } = engine
  const matrices = [1, 2].map((seed) => tf.variable(tf.randomNormal([SIZE, SIZE], 0, 1 / SIZE, 'float32', seed)))
  const chain = compile({
    variables: matrices,
    inputs: {},
    step: () => {
      const [a, b] = matrices
      let product = a
      for (let i = 0; i < PRODUCTS; i++) product = tf.matMul(product, b)
      return { corner: tf.slice(product, [0, 0], [1, 1]) }
    },
    precision,
  })
  let seconds = Infinity
  for (let round = 0; round < 8; round++) {
    const start = performance.now()
    chain.run({})
    seconds = Math.min(seconds, (performance.now() - start) / 1000)
  }
  chain.dispose()
  return (PRODUCTS * 2 * SIZE ** 3) / seconds
}
