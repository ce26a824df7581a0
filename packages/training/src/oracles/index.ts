// No TensorFlow here: the CLI imports this file alone.
export { slicedWasserstein } from './sliced-wasserstein.js'
export { wasserstein1d } from './wasserstein.js'
