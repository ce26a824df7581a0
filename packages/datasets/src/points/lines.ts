import type { PointLawOf } from '@kantor/contracts'
import type { DrawnLaw } from './law.js'

export const lines = ({ theta }: PointLawOf<'lines'>): DrawnLaw => ({
  dimensions: 2,
  modes: [],
  point: (draw) => [theta, draw.uniform()],
  moved: () => Math.abs(theta),
})
