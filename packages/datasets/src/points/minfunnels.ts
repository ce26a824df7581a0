import type { PointLawOf } from '@kantor/contracts'
import { type Draw, drawAt } from './counter.js'
import type { DrawnLaw } from './law.js'

/** Korotin et al. draw in a cube of width 5 with heights of deviation .1; here the cube is the unit one. */
const HEIGHT = 0.1 / 5
/** A share t of the way from a funnel's centre to the end of its ray becomes t⁸. */
const POWER = 8
/** Far from the indices of points, so that no point shares the funnels' numbers. */
const FUNNEL_INDEX = -1

interface Funnel {
  centre: Float64Array
  height: number
}

/**
 * u(x) = min over funnels of ‖x − aₖ‖ + bₖ is 1-Lipschitz and falls along each point's ray to the centre of its funnel with
 * slope 1. Points moved along their rays are therefore moved optimally (Korotin et al. 2022, theorem 1): u is the dual
 * potential, ∇u the direction, and W₁ the mean distance moved.
 */
export function minfunnels(law: PointLawOf<'minfunnels'>): DrawnLaw {
  const { dimensions } = law
  const funnels = funnelsOf(law)
  const move = (draw: Draw) => {
    const start = Float64Array.from({ length: dimensions }, draw.uniform)
    const { funnel, distance } = nearest(funnels, start)
    const direction = start.map((x, i) => (x - (funnel.centre[i] as number)) / distance)
    const end = rayEnd(funnels, funnel, direction)
    const kept = end * (distance / end) ** POWER
    return { point: [...direction].map((x, i) => (funnel.centre[i] as number) + kept * x), moved: distance - kept }
  }
  return { dimensions, modes: [], point: (draw) => move(draw).point, moved: (draw) => move(draw).moved }
}

/** The gradient of the potential u: the direction away from the centre of the point's funnel. */
export function funnelDirection(law: PointLawOf<'minfunnels'>): (point: ArrayLike<number>) => Float64Array {
  const funnels = funnelsOf(law)
  return (point) => {
    const { funnel, distance } = nearest(funnels, point)
    return funnel.centre.map((at, i) => ((point[i] as number) - at) / distance)
  }
}

const funnelsOf = ({ dimensions, funnels, seed }: PointLawOf<'minfunnels'>): Funnel[] =>
  Array.from({ length: funnels }, (_, k) => {
    const draw = drawAt(seed, FUNNEL_INDEX - k)
    return { centre: Float64Array.from({ length: dimensions }, draw.uniform), height: HEIGHT * draw.normal() }
  })

function nearest(funnels: readonly Funnel[], x: ArrayLike<number>): { funnel: Funnel; distance: number } {
  let [best, least, distance] = [funnels[0] as Funnel, Infinity, 0]
  for (const funnel of funnels) {
    let square = 0
    for (let i = 0; i < x.length; i++) square += ((x[i] as number) - (funnel.centre[i] as number)) ** 2
    const away = Math.sqrt(square)
    if (away + funnel.height >= least) continue
    ;[best, least, distance] = [funnel, away + funnel.height, away]
  }
  return { funnel: best, distance }
}

/** How far a ray from the centre of `own` goes before it leaves the unit cube or enters another funnel. */
function rayEnd(funnels: readonly Funnel[], own: Funnel, direction: Float64Array): number {
  let end = Infinity
  for (let i = 0; i < direction.length; i++) {
    const [slope, from] = [direction[i] as number, own.centre[i] as number]
    if (slope !== 0) end = Math.min(end, slope > 0 ? (1 - from) / slope : -from / slope)
  }
  for (const other of funnels) {
    if (other === own) continue
    // s + b = ‖c + s · direction‖ + b′ with c from the other centre to this one; squared, s² cancels.
    const rise = own.height - other.height
    let [square, along] = [0, 0]
    for (let i = 0; i < direction.length; i++) {
      const c = (own.centre[i] as number) - (other.centre[i] as number)
      square += c * c
      along += c * (direction[i] as number)
    }
    if (rise > along) end = Math.min(end, (square - rise ** 2) / (2 * (rise - along)))
  }
  return end
}
