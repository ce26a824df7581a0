import { type DrawnLaw, mixture } from './law.js'

const MODES = 8

export const ring8 = (): DrawnLaw =>
  mixture(
    Array.from({ length: MODES }, (_, k) => {
      const angle = (2 * Math.PI * k) / MODES
      return { centre: [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)], deviation: 0.02 / Math.SQRT2 }
    }),
  )
