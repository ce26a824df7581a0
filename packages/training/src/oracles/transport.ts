/** An optimal plan between finitely many points, with the prices that prove it optimal. */
export interface TransportPlan {
  /** Σ mass moved · cost. */
  cost: number
  /** Row-major, rows × columns: mass moved from each row to each column. */
  flow: Float64Array
  /** rowPrice[i] + columnPrice[j] ≤ cost[i, j] everywhere, with equality where something moves (Kantorovich duality). */
  rowPrice: Float64Array
  columnPrice: Float64Array
}

/** Rounding left over when masses such as 1/3 are added up. */
const DUST = 1e-12

/**
 * Exact optimal transport by successive shortest paths with prices (the Hungarian method, for masses of any size).
 * `cost` is row-major, supply.length × demand.length, ≥ 0. O(n³) for n points a side of equal mass: 1 024 a side take
 * some seconds.
 * @throws RangeError when the sizes do not fit or the masses differ in sum.
 */
export function optimalTransport(cost: Float64Array, supply: Float64Array, demand: Float64Array): TransportPlan {
  const [rows, columns] = [supply.length, demand.length]
  if (cost.length !== rows * columns) throw new RangeError(`${cost.length} costs do not fit ${rows} × ${columns}`)
  if (Math.abs(total(supply) - total(demand)) > 1e-9) {
    throw new RangeError(`supply ${total(supply)} and demand ${total(demand)} differ`)
  }
  const flow = new Float64Array(rows * columns)
  const rowPrice = new Float64Array(rows)
  const columnPrice = new Float64Array(columns)
  const unmet = Float64Array.from(demand)

  for (let source = 0; source < rows; source++) {
    let left = supply[source] as number
    while (left > DUST) {
      const path = shortestPath(source)
      if (path === null) break
      const { sink, cameFrom, rowCameFrom } = path
      let amount = Math.min(left, unmet[sink] as number)
      walkBack(sink, cameFrom, rowCameFrom, (row, _, givenUp) => {
        if (givenUp !== null) amount = Math.min(amount, flow[row * columns + givenUp] as number)
      })
      walkBack(sink, cameFrom, rowCameFrom, (row, column, givenUp) => {
        move(row, column, amount)
        if (givenUp !== null) move(row, givenUp, -amount)
      })
      unmet[sink] = (unmet[sink] as number) - amount
      left -= amount
    }
  }
  return { cost: flow.reduce((sum, mass, at) => sum + mass * (cost[at] as number), 0), flow, rowPrice, columnPrice }

  function move(row: number, column: number, amount: number) {
    flow[row * columns + column] = (flow[row * columns + column] as number) + amount
  }

  /** Dijkstra over reduced costs, to the nearest column with unmet demand; moves the prices along. */
  function shortestPath(source: number) {
    const distance = new Float64Array(columns).fill(Infinity)
    const rowDistance = new Float64Array(rows).fill(Infinity)
    const settled = new Uint8Array(columns)
    const cameFrom = new Int32Array(columns).fill(-1)
    const rowCameFrom = new Int32Array(rows).fill(-1)
    const settleRow = (row: number, at: number, via: number) => {
      rowDistance[row] = at
      rowCameFrom[row] = via
      for (let column = 0, k = row * columns; column < columns; column++, k++) {
        const there = at + (cost[k] as number) - (rowPrice[row] as number) - (columnPrice[column] as number)
        // A settled column is final: rounding may put it a hair nearer, and the path would bite its tail.
        if (!settled[column] && there < (distance[column] as number)) {
          distance[column] = there
          cameFrom[column] = row
        }
      }
    }
    settleRow(source, 0, -1)
    for (;;) {
      const sink = nearest(distance, settled)
      if (sink < 0) return null
      const reached = distance[sink] as number
      if ((unmet[sink] as number) > DUST) {
        for (let row = 0; row < rows; row++)
          if (rowDistance[row] !== Infinity)
            rowPrice[row] = (rowPrice[row] as number) + reached - (rowDistance[row] as number)
        for (let column = 0; column < columns; column++)
          if (settled[column])
            columnPrice[column] = (columnPrice[column] as number) - reached + (distance[column] as number)
        return { sink, cameFrom, rowCameFrom }
      }
      settled[sink] = 1
      // A row that sends mass here can send it elsewhere instead, at the same distance: its reduced cost is 0.
      for (let row = 0; row < rows; row++)
        if ((flow[row * columns + sink] as number) > DUST && rowDistance[row] === Infinity)
          settleRow(row, reached, sink)
    }
  }
}

/** From the sink to the source: each row of the path, the column it now serves and the one it gives up (null for the source). */
function walkBack(
  sink: number,
  cameFrom: Int32Array,
  rowCameFrom: Int32Array,
  visit: (row: number, column: number, givenUp: number | null) => void,
): void {
  for (let column = sink; column >= 0;) {
    const row = cameFrom[column] as number
    const givenUp = rowCameFrom[row] as number
    visit(row, column, givenUp < 0 ? null : givenUp)
    column = givenUp
  }
}

function nearest(distance: Float64Array, settled: Uint8Array): number {
  let best = -1
  for (let column = 0; column < distance.length; column++)
    if (!settled[column] && (distance[column] as number) < (best < 0 ? Infinity : (distance[best] as number)))
      best = column
  return best
}

const total = (masses: Float64Array) => masses.reduce((sum, mass) => sum + mass, 0)

/**
 * Exact W₁ between two clouds of equally heavy points with `dimensions` coordinates each, Euclidean ground distance.
 * @throws RangeError when a side is empty or does not hold whole points.
 */
export function discreteWasserstein(a: ArrayLike<number>, b: ArrayLike<number>, dimensions: number): number {
  for (const points of [a, b]) {
    if (points.length === 0 || points.length % dimensions !== 0)
      throw new RangeError(`${points.length} numbers are no points of ${dimensions} coordinates`)
  }
  const [rows, columns] = [a.length / dimensions, b.length / dimensions]
  const cost = new Float64Array(rows * columns)
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      let square = 0
      for (let k = 0; k < dimensions; k++)
        square += ((a[i * dimensions + k] as number) - (b[j * dimensions + k] as number)) ** 2
      cost[at] = Math.sqrt(square)
    }
  // Whole masses, so that no rounding is left over.
  const plan = optimalTransport(cost, new Float64Array(rows).fill(columns), new Float64Array(columns).fill(rows))
  return plan.cost / (rows * columns)
}
