// Distances between sets of images or features. No TensorFlow here: numbers in, numbers out.
export { classDivergence } from './class-divergence.js'
export { fitGaussian, frechetDistance, type Gaussian, gaussianWasserstein2Squared } from './frechet.js'
export { inceptionScore } from './inception-score.js'
export { kernelDistance, kernelDistanceOfSubsets, type SubsetEstimate } from './kernel-distance.js'
export { expectedCoverage, meanNearestDistance, nearestNeighbourAccuracy, type Prdc, prdc } from './neighbours.js'
export { type BandDistance, type ImageSet, patchDistances } from './patch-distance.js'
export type { Points } from './points.js'
