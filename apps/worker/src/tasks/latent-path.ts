/** Points on the way from `a` (t = 0) to `b` (t = 1). */
export type Interpolate = (a: Float32Array, b: Float32Array, t: number) => Float32Array

export const lerp: Interpolate = (a, b, t) => a.map((value, i) => value + t * (b[i]! - value))

/** Along the great circle, the length going over in a line: in many dimensions latents lie near a sphere (White 2016). */
export const slerp: Interpolate = (a, b, t) => {
  const [lengthA, lengthB] = [Math.hypot(...a), Math.hypot(...b)]
  const cosine = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (lengthA * lengthB)
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)))
  const sine = Math.sin(angle)
  // Parallel or opposite: there is no one circle.
  if (!(sine > 1e-6)) return lerp(a, b, t)
  const length = lengthA + t * (lengthB - lengthA)
  const [wa, wb] = [Math.sin((1 - t) * angle) / sine / lengthA, Math.sin(t * angle) / sine / lengthB]
  return a.map((value, i) => length * (wa * value + wb * b[i]!))
}

/** A walk through all corners: `frames` points per leg, the corner first; the last corner ends it unless it goes round. */
export function walk(
  corners: readonly Float32Array[],
  { frames, loop, interpolate }: { frames: number; loop: boolean; interpolate: Interpolate },
): Float32Array[] {
  const legs = loop ? corners.length : corners.length - 1
  const points: Float32Array[] = []
  for (let leg = 0; leg < legs; leg++) {
    const [from, to] = [corners[leg]!, corners[(leg + 1) % corners.length]!]
    for (let frame = 0; frame < frames; frame++) points.push(interpolate(from, to, frame / frames))
  }
  return loop ? points : [...points, corners.at(-1)!]
}
