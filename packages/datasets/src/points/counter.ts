/** Streams of numbers that depend on (seed, index) alone: any point can be drawn at any time, in any order. */
export interface Draw {
  /** Uniform in (0, 1). */
  readonly uniform: () => number
  /** N(0, 1), by Box and Muller. */
  readonly normal: () => number
}

/** Steele, Lea and Flood 2014 (splitmix), in 32 bits: a Weyl sequence through a mixing function. */
export function drawAt(seed: number, index: number): Draw {
  let state = mix(mix(seed | 0) + Math.imul(index, 0x9e3779b9))
  const uniform = () => {
    state = (state + 0x9e3779b9) | 0
    return ((mix(state) >>> 0) + 0.5) / 2 ** 32
  }
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}

/** A bijection of 32 bits in which every bit of the result hangs on every bit given (lowbias32 of Wellons 2018). */
function mix(bits: number): number {
  let x = bits | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) | 0
}
