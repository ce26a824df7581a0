import type { DrawnLaw } from './law.js'

const SCALE = 7.5
const NOISE = 0.25

/** scikit-learn's make_swiss_roll, seen from the side. */
export const swissRoll = (): DrawnLaw => ({
  dimensions: 2,
  modes: [],
  point(draw) {
    const angle = 1.5 * Math.PI * (1 + 2 * draw.uniform())
    const at = (along: number) => (angle * along + NOISE * draw.normal()) / SCALE
    return [at(Math.cos(angle)), at(Math.sin(angle))]
  },
})
