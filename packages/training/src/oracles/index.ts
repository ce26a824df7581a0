// No TensorFlow here: the CLI imports this file alone.
export { discreteDivergences, type Divergences, normalDivergences } from './divergences.js'
export { parallelLines } from './example-one.js'
export { type NormalLaw, normalCdf, normalQuantiles, normalWasserstein1, normalWasserstein2 } from './normal-law.js'
export { seededNormals, seededUniforms } from './random.js'
export { slicedWasserstein } from './sliced-wasserstein.js'
export { discreteWasserstein, optimalTransport, type TransportPlan } from './transport.js'
export { generatorGradients, optimalDiscriminator } from './two-gaussians.js'
export { wasserstein1d } from './wasserstein.js'
