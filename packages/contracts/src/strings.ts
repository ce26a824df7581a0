import { z } from 'zod'

// Control characters, NUL, bidirectional overrides and lone surrogates: Postgres refuses some of them, people are fooled by the others.
// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u

/** Text that a person typed: 0 to `max` UTF-16 units, no control, bidirectional-override or lone surrogate characters. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !forbidden.test(value), {
      message: 'must not hold control characters, bidirectional overrides or lone surrogates',
      params: { code: 'invalid-string' },
    })

/** A moment with its offset from UTC. Postgres knows no year 0, which ISO 8601 does; nothing of ours is older than 1970. */
export const instant = z.iso.datetime({ offset: true }).refine((moment) => !(Date.parse(moment) < 0), {
  message: 'must not be before 1970',
  params: { code: 'out-of-range' },
})

/** A number that travels as text in a query. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, { message: `must be a whole number from ${min} to ${max}` })
    .transform(Number)
    .pipe(z.int().min(min).max(max))

/** The nearest of `candidates` by edit distance, when it is near enough to be a likely misspelling. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best !== undefined && bestDistance <= Math.max(2, Math.ceil(best.length * 0.45)) ? best : undefined
}

function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Infinity
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, substitution))
    }
    previous = row
  }
  return previous[b.length]!
}
