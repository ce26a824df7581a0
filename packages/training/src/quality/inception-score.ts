/**
 * exp E KL(p(y|x) ‖ p(y)) from a classifier's probabilities, row-major [points, classes]: from 1 to the number of classes (Salimans et al.
 * 2016). Real images do not reach the upper end, and an image per class does: it sees no collapse within a class.
 * @throws RangeError when there are no whole rows.
 */
export function inceptionScore(probabilities: Float32Array, numClasses: number): number {
  const count = probabilities.length / numClasses
  if (!Number.isInteger(count) || count === 0)
    throw new RangeError(`${probabilities.length} numbers are no rows of ${numClasses} probabilities`)
  const marginal = new Float64Array(numClasses)
  probabilities.forEach((p, i) => (marginal[i % numClasses] = (marginal[i % numClasses] as number) + p / count))
  let sum = 0
  probabilities.forEach((p, i) => {
    if (p > 0) sum += p * Math.log(p / (marginal[i % numClasses] as number))
  })
  return Math.exp(sum / count)
}
