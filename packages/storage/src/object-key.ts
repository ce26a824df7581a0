import { AppError } from '@kantor/contracts'

// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u001f\u007f\\]|\p{Surrogate}/u

/** Throws AppError `internal` unless `key` is one that every backend can hold. The only way from a key to a path leads through here. */
export function checkKey(key: string): void {
  const problem = keyProblem(key)
  if (problem) throw new AppError('internal', `${JSON.stringify(key.slice(0, 200))} is not an object key: ${problem}`)
}

function keyProblem(key: string): string | null {
  if (key === '') return 'it is empty'
  if (Buffer.byteLength(key) > 900) return 'it is longer than 900 bytes'
  if (forbidden.test(key)) return 'it holds a backslash, a control character or a lone surrogate'
  for (const segment of key.split('/')) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..') return 'it has a relative segment'
    if (Buffer.byteLength(segment) > 200) return 'a segment is longer than 200 bytes'
  }
  return null
}
