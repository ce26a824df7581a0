/** sfc32: a small, fast generator that passes PractRand. Returns a function that draws uint32 numbers. */
export function sfc32(seed: readonly [number, number]): () => number {
  let a = seed[0] | 0
  let b = seed[1] | 0
  let c = 0x9e3779b9 | 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  // The first draws still show the seed's pattern.
  for (let i = 0; i < 15; i++) next()
  return next
}
