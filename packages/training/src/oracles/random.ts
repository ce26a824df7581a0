import { sfc32 } from '../sfc32.js'

/** Uniform numbers in (0, 1), the same for the same seed. */
export function seededUniforms(seed: number): () => number {
  const next = sfc32([seed, 0x736c6963])
  return () => (next() + 0.5) / 2 ** 32
}

/** Standard normal numbers by Box and Muller, the same for the same seed. */
export function seededNormals(seed: number): () => number {
  const uniform = seededUniforms(seed)
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
