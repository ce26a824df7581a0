import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { seededNormals } from '../oracles/random.js'
import { discreteWasserstein } from '../oracles/transport.js'
import {
  classDivergence,
  expectedCoverage,
  fitGaussian,
  frechetDistance,
  gaussianWasserstein2Squared,
  inceptionScore,
  kernelDistance,
  kernelDistanceOfSubsets,
  meanNearestDistance,
  nearestNeighbourAccuracy,
  patchDistances,
  type Points,
  prdc,
} from './index.js'
import { laplacianPyramid } from './laplacian-pyramid.js'
import { normalised, projectedDistance } from './patch-distance.js'
import { multiply, squareRoot } from './symmetric.js'

/** Values of scipy, scikit-learn and POT (`fixtures/make_quality.py`). */
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/quality.json', import.meta.url), 'utf8'))
const points = (values: number[], dimensions: number): Points => ({ values: Float32Array.from(values), dimensions })
const a = points(fixture.a, fixture.dimensions)
const b = points(fixture.b, fixture.dimensions)

const normals = (count: number, dimensions: number, seed: number, change = (x: number) => x): Points => {
  const next = seededNormals(seed)
  return points(
    Array.from({ length: count * dimensions }, () => change(next())),
    dimensions,
  )
}

const near = (value: number, expected: number) => expect(value / expected).toBeCloseTo(1, 5)

const diagonal = (...values: number[]) =>
  Float64Array.from({ length: values.length ** 2 }, (_, i) =>
    i % (values.length + 1) === 0 ? (values[i / (values.length + 1)] as number) : 0,
  )

const law = (mean: number[], covariance: Float64Array) => ({ mean: Float64Array.from(mean), covariance })

const set = (seed: number, change = (x: number) => x) => ({
  values: normals(6, 32 * 32 * 3, seed, change).values,
  numImages: 6,
  imageSize: 32,
  channels: 3,
})

/** Probabilities of a classifier that is sure, of images of these classes out of four. */
const certain = (...classes: number[]) =>
  Float32Array.from({ length: 1000 * classes.length * 4 }, (_, i) =>
    Number(i % 4 === classes[Math.floor(i / 4) % classes.length]),
  )

describe('as scipy, scikit-learn and POT compute them:', () => {
  test('Fréchet distance, kernel distance, inception score, exact transport', () => {
    near(frechetDistance(a, b), fixture.frechet)
    near(kernelDistance(a, b), fixture.kernel)
    near(inceptionScore(Float32Array.from(fixture.probabilities), 4), fixture.inceptionScore)
    near(discreteWasserstein(a.values, b.values, 6), fixture.transport)
  })

  test('precision, recall, density, coverage; nearest neighbours', () => {
    const found = prdc(a, b)
    for (const key of ['precision', 'recall', 'density', 'coverage'] as const) near(found[key], fixture.prdc[key])
    near(nearestNeighbourAccuracy(a, b), fixture.nearestNeighbour)
    near(meanNearestDistance(a, b), fixture.nearestDistance)
  })

  test('the Laplacian pyramid and a projection of normalised patches', () => {
    const bands = laplacianPyramid(Float32Array.from(fixture.image), 32, 8)
    expect(bands.map(({ size }) => size)).toEqual([32, 16, 8])
    bands.forEach(({ plane }, level) =>
      plane.forEach((value, i) => expect(Math.abs(value - fixture.bands[level][i])).toBeLessThan(2e-6)),
    )
    const [first, second] = [fixture.patches, fixture.others].map((given) => normalised(Float32Array.from(given), 2))
    near(projectedDistance(first!, second!, Float64Array.from(fixture.direction)), fixture.projected)
  })
})

describe('closed forms:', () => {
  test('W2² of normal laws is ‖μ − ν‖² + Σ (√aᵢ − √bᵢ)² where covariances commute, and Bures where they do not', () => {
    expect(gaussianWasserstein2Squared(law([0], diagonal(1)), law([1], diagonal(4)))).toBeCloseTo(2, 12)
    const [x, y] = [law([1, 2, 3], diagonal(1, 4, 9)), law([1, 0, 3], diagonal(4, 4, 0))]
    expect(gaussianWasserstein2Squared(x, y)).toBeCloseTo(4 + 1 + 0 + 9, 10)
    // Two by two: Tr (AB)^½ = √(Tr AB + 2 √det AB).
    const [p, q] = [Float64Array.of(2, 1, 1, 2), Float64Array.of(1, -0.5, -0.5, 3)]
    const traceOfProduct = 2 * 1 - 0.5 + (-0.5 + 2 * 3)
    const bures = 4 + 4 - 2 * Math.sqrt(traceOfProduct + 2 * Math.sqrt(3 * 2.75))
    expect(gaussianWasserstein2Squared(law([0, 0], p), law([0, 0], q))).toBeCloseTo(bures, 12)
  })

  test('a square root squares to its matrix, also of rank one and over ten decades', () => {
    const spread = diagonal(1e-8, 1, 1e4, 0)
    for (const matrix of [spread, new Float64Array(16).fill(3), fitGaussian(normals(9, 4, 1)).covariance]) {
      const root = squareRoot(matrix, 4)
      multiply(root, root, 4).forEach((value, i) => expect(Math.abs(value - matrix[i]!)).toBeLessThan(1e-10))
    }
    expect(squareRoot(spread, 4)[0]).toBeCloseTo(1e-4, 12)
  })

  test('a Fréchet distance is 0 to itself, moves with a shift, and is finite with fewer points than features', () => {
    expect(frechetDistance(a, a)).toBeLessThan(1e-9)
    const moved = { ...a, values: a.values.map((x, i) => x + (i % 6 === 2 ? 3 : 0)) }
    expect(frechetDistance(a, moved)).toBeCloseTo(9, 4)
    expect(frechetDistance(normals(5, 20, 1), normals(5, 20, 2))).toBeGreaterThan(0)
  })

  test('an inception score runs from 1 (every image alike) to the number of classes (each sure, all equally often)', () => {
    expect(inceptionScore(new Float32Array(40).fill(0.25), 4)).toBeCloseTo(1, 6)
    const sure = Float32Array.from({ length: 64 }, (_, i) => Number(i % 4 === Math.floor(i / 4) % 4))
    expect(inceptionScore(sure, 4)).toBeCloseTo(4, 6)
  })

  test('class histograms: 0 where they agree, log 4 of one class of four alone, log 4/3 without one, finite where a class is new', () => {
    const all = certain(0, 1, 2, 3)
    expect(classDivergence(all, all, 4)).toBe(0)
    expect(classDivergence(certain(2), all, 4)).toBeCloseTo(Math.log(4), 1)
    expect(classDivergence(certain(0, 1, 3), all, 4)).toBeCloseTo(Math.log(4 / 3), 2)
    expect(classDivergence(all, certain(0, 1, 3), 4)).toBeGreaterThan(1)
    expect(classDivergence(all, certain(0, 1, 3), 4)).toBeLessThan(10)
    expect(() => classDivergence(all, new Float32Array(3), 4)).toThrow(RangeError)
  })

  test('the kernel distance of equal laws has mean 0, and subsets tell how far it lies off', () => {
    const [x, y] = [normals(600, 8, 3), normals(600, 8, 4)]
    const { value, low, high } = kernelDistanceOfSubsets(x, y, { size: 100, seed: 1 })
    expect(low).toBeLessThan(0)
    expect(high).toBeGreaterThan(0)
    expect(Math.abs(value)).toBeLessThan((high - low) / 2)
    const apart = normals(600, 8, 4, (z) => z + 0.5)
    expect(kernelDistanceOfSubsets(x, apart, { size: 100 }).low).toBeGreaterThan(high)
  })

  test('coverage of equal laws has its mean whatever the law, .9690 for k = 5 and 1000 points', () => {
    expect(expectedCoverage(1000)).toBeCloseTo(0.969, 4)
    for (const dimensions of [2, 16]) {
      const { coverage } = prdc(normals(1000, dimensions, 5), normals(1000, dimensions, 6))
      // Five deviations of a mean of 1000 nearly independent shares.
      expect(Math.abs(coverage - expectedCoverage(1000))).toBeLessThan(5 * Math.sqrt((0.969 * 0.031) / 1000))
    }
  })

  test('recall and coverage tell a collapse from noise, and neighbours tell equal laws from laws that are apart', () => {
    const real = normals(300, 4, 7)
    const collapsed = prdc(
      real,
      normals(300, 4, 8, (x) => x * 0.05),
    )
    expect(collapsed.precision).toBeGreaterThan(0.95)
    expect(collapsed.coverage).toBeLessThan(0.2)
    expect(nearestNeighbourAccuracy(real, normals(300, 4, 9))).toBeCloseTo(0.5, 0.9)
    expect(
      nearestNeighbourAccuracy(
        real,
        normals(300, 4, 9, (x) => x + 20),
      ),
    ).toBe(1)
    expect(nearestNeighbourAccuracy(real, { ...real, values: real.values.map((x) => x + 1e-6) })).toBe(0)
    expect(meanNearestDistance(real, real)).toBe(0)
  })
})

describe('patch distances', () => {
  const options = { patchesPerImage: 40, repeats: 1, directions: 24 }

  test('are near 0 for one law, far where half the images are blank, blind to contrast and brightness, and depend on the seed alone', () => {
    const { values } = set(2)
    const halfBlank = { ...set(2), values: values.map((x, i) => (i < values.length / 2 ? x : 0)) }
    const [floor, blank, contrast] = [set(3), halfBlank, set(3, (x) => 5 * x + 2)].map((other) =>
      patchDistances(set(2), other, options),
    )
    expect(floor!.map(({ size }) => size)).toEqual([32, 16])
    expect(blank![0]!.distance).toBeGreaterThan(2 * floor![0]!.distance)
    contrast!.forEach(({ distance }, level) => expect(distance).toBeCloseTo(floor![level]!.distance, 1))
    expect(patchDistances(set(2), set(3), options)).toEqual(floor)
  })

  test('refuse sets of other shapes', () => {
    expect(() => patchDistances(set(1), { ...set(1), numImages: 5 })).toThrow(RangeError)
  })
})

test('bad input is refused by name', () => {
  expect(() => frechetDistance(points([1, 2, 3], 2), a)).toThrow('no points of 2 coordinates')
  expect(() => frechetDistance(points([1, 2], 2), points([1, 2, 3, 4], 2))).toThrow('too few')
  expect(() => prdc(a, points([1, 2], 2))).toThrow(RangeError)
  expect(() => prdc(points([1, 2], 1), points([1, 2], 1))).toThrow('it takes 6')
  expect(() => inceptionScore(new Float32Array(3), 2)).toThrow(RangeError)
})
