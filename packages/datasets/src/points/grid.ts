import { type DrawnLaw, mixture } from './law.js'

const places = [-4, -2, 0, 2, 4]
const scale = 2 * Math.SQRT2

export const grid25 = (): DrawnLaw =>
  mixture(places.flatMap((x) => places.map((y) => ({ centre: [x / scale, y / scale], deviation: 0.05 / scale }))))
