/**
 * KL(p ‖ q) in nats between how often each class is the likeliest one in two sets of class probabilities, row-major [points, classes]: 0 for
 * equal histograms, log K where p knows one of K classes that are equally often in q, log(K / (K − 1)) where p leaves one of them out. Half a
 * count is added to every class (Krichevsky and Trofimov 1981), so that one that q lacks costs much and not everything. Of two sets of n
 * images from one law it is about (K − 1) / n.
 * @throws RangeError when there are no whole rows.
 */
export function classDivergence(p: Float32Array, q: Float32Array, numClasses: number): number {
  const [a, b] = [classShares(p, numClasses), classShares(q, numClasses)]
  return a.reduce((sum, share, i) => sum + share * Math.log(share / (b[i] as number)), 0)
}

function classShares(probabilities: Float32Array, numClasses: number): Float64Array {
  const count = probabilities.length / numClasses
  if (!Number.isInteger(count) || count === 0)
    throw new RangeError(`${probabilities.length} numbers are no rows of ${numClasses} probabilities`)
  const counts = new Float64Array(numClasses).fill(0.5)
  for (let row = 0; row < probabilities.length; row += numClasses) {
    const ofRow = probabilities.subarray(row, row + numClasses)
    const likeliest = ofRow.indexOf(ofRow.reduce((most, p) => Math.max(most, p)))
    counts[likeliest] = (counts[likeliest] as number) + 1
  }
  return counts.map((n) => n / (count + numClasses / 2))
}
