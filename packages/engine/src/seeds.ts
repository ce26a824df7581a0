/** Random streams of a job. The numbers are part of every stored result: never renumber, only append. */
export const streams = {
  init: 1,
  criticLatent: 2,
  generatorLatent: 3,
  sampleLatent: 4,
  dataOrder: 5,
  interpolation: 6,
  diagnosis: 7,
  criticClass: 8,
  generatorClass: 9,
} as const
export type Stream = keyof typeof streams

/** MurmurHash3's 32-bit mixing of one word into a state. */
function mix(state: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const h = state ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(state: number): number {
  let h = state
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}

/**
 * Counter-based seed: an int32 pair that depends on (job seed, stream, step, sub-step) alone. A checkpoint therefore
 * needs no generator state, and a resumed run draws what an uninterrupted one would have drawn.
 */
export function seedPair(seed: number, stream: Stream, step = 0, subStep = 0): [number, number] {
  const words = [seed, streams[stream], step | 0, Math.floor(step / 2 ** 32), subStep]
  const hash = (start: number) => finish(words.reduce(mix, start))
  return [hash(0x4b616e74), hash(0x6f726f76)]
}
