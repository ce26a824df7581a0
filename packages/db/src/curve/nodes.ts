// Nodes of one series: what a stretch of steps says in a few numbers. Lists of them are columns, ascending by step.

/** Columns of nodes. Entry i covers the steps from `x[i]` on, as many as the list's width. */
export class Nodes {
  length = 0
  x: Float64Array
  last: Float32Array
  /** Of the finite values; +∞ and −∞ when there is none. */
  min: Float32Array
  max: Float32Array
  sum: Float64Array
  /** Points by kind: finite, NaN, +∞, −∞. */
  n: Float64Array
  nan: Float64Array
  posInf: Float64Array
  negInf: Float64Array
  /** The stored median at the last point; NaN when it has none. */
  median: Float32Array
  /** Where the last point is among the raw points that were read; −1 when it was not read. */
  at: Int32Array

  constructor(capacity: number) {
    this.x = new Float64Array(capacity)
    this.last = new Float32Array(capacity)
    this.min = new Float32Array(capacity)
    this.max = new Float32Array(capacity)
    this.sum = new Float64Array(capacity)
    this.n = new Float64Array(capacity)
    this.nan = new Float64Array(capacity)
    this.posInf = new Float64Array(capacity)
    this.negInf = new Float64Array(capacity)
    this.median = new Float32Array(capacity)
    this.at = new Int32Array(capacity)
  }

  /** The node that holds step `x` of nodes that wide: the last one, or a new one after it. */
  #open(x: number): number {
    if (this.length > 0 && this.x[this.length - 1] === x) return this.length - 1
    const i = this.length++
    this.x[i] = x
    this.min[i] = Infinity
    this.max[i] = -Infinity
    return i
  }

  /** Takes in a raw point: `x` is where its node begins, `at` its place among the points. */
  addPoint(x: number, value: number, at: number): void {
    const i = this.#open(x)
    if (Number.isFinite(value)) {
      if (value < this.min[i]!) this.min[i] = value
      if (value > this.max[i]!) this.max[i] = value
      this.sum[i]! += value
      this.n[i]! += 1
    } else if (Number.isNaN(value)) this.nan[i]! += 1
    else if (value > 0) this.posInf[i]! += 1
    else this.negInf[i]! += 1
    this.last[i] = value
    this.median[i] = NaN
    this.at[i] = at
  }

  /** Takes in node `j` of another list. */
  addNode(x: number, from: Nodes, j: number): void {
    const i = this.#open(x)
    if (from.min[j]! < this.min[i]!) this.min[i] = from.min[j]!
    if (from.max[j]! > this.max[i]!) this.max[i] = from.max[j]!
    this.sum[i]! += from.sum[j]!
    this.n[i]! += from.n[j]!
    this.nan[i]! += from.nan[j]!
    this.posInf[i]! += from.posInf[j]!
    this.negInf[i]! += from.negInf[j]!
    this.last[i] = from.last[j]!
    this.median[i] = from.median[j]!
    this.at[i] = from.at[j]!
  }

  /** Points in node `i`, of any kind. */
  points(i: number): number {
    return this.n[i]! + this.nan[i]! + this.posInf[i]! + this.negInf[i]!
  }

  /** A mean of equal numbers may miss them by a rounding: it is kept between the extremes. */
  mean(i: number): number {
    return Math.min(Math.max(this.sum[i]! / this.n[i]!, this.min[i]!), this.max[i]!)
  }
}

/**
 * Nodes of another width from two lists that have no step in common. A sum is always made in the same order, level by level from the
 * points up, whether the lower levels were read or made again: a bucket read twice has the same mean to the last bit.
 */
export function raise(a: Nodes, b: Nodes, width: number): Nodes {
  const raised = new Nodes(a.length + b.length)
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (j >= b.length || (i < a.length && a.x[i]! < b.x[j]!)) {
      raised.addNode(Math.floor(a.x[i]! / width) * width, a, i++)
    } else raised.addNode(Math.floor(b.x[j]! / width) * width, b, j++)
  }
  return raised
}

/** Where the points of a curve are on other axes: the values at each node's last point. */
export class Axis {
  length = 0
  x: Float64Array
  criticStep: Float64Array
  /** Milliseconds on the database's clock; NaN where nobody noted it. */
  time: Float64Array

  constructor(capacity: number) {
    this.x = new Float64Array(capacity)
    this.criticStep = new Float64Array(capacity)
    this.time = new Float64Array(capacity)
  }

  add(x: number, criticStep: number, time: number): void {
    if (this.length === 0 || this.x[this.length - 1] !== x) this.length++
    const i = this.length - 1
    this.x[i] = x
    this.criticStep[i] = criticStep
    this.time[i] = time
  }
}

export function raiseAxis(a: Axis, b: Axis, width: number): Axis {
  const raised = new Axis(a.length + b.length)
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const [from, k] = j >= b.length || (i < a.length && a.x[i]! < b.x[j]!) ? [a, i++] : [b, j++]
    raised.add(Math.floor(from.x[k]! / width) * width, from.criticStep[k]!, from.time[k]!)
  }
  return raised
}
