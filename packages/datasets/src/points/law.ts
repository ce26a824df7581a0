import type { Draw } from './counter.js'

/** One normal law of a mixture whose laws weigh the same. */
export interface Mode {
  centre: readonly number[]
  /** In every direction. */
  deviation: number
}

export interface DrawnLaw {
  dimensions: number
  /** The coordinates of one point. */
  readonly point: (draw: Draw) => readonly number[]
  /** Where the law is a mixture. */
  modes: readonly Mode[]
  /** W₁ to the law that the generator `shift` starts from, where it is known: the mean distance that a point is moved. */
  readonly moved?: (draw: Draw) => number
}

/** A mixture of normal laws as a law. */
export const mixture = (modes: readonly Mode[]): DrawnLaw => ({
  dimensions: modes[0]?.centre.length ?? 0,
  modes,
  point(draw) {
    const { centre, deviation } = modes[Math.floor(draw.uniform() * modes.length)] as Mode
    return centre.map((at) => at + deviation * draw.normal())
  },
})
