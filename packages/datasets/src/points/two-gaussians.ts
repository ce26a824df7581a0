import type { PointLawOf } from '@kantor/contracts'
import { type DrawnLaw, mixture } from './law.js'

export const twoGaussians = ({ distance }: PointLawOf<'two-gaussians'>): DrawnLaw =>
  mixture([-0.5, 0.5].map((side) => ({ centre: [side * distance, 0], deviation: 1 })))
