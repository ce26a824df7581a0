// What failed, read by shape: a system error may come from another realm, where `instanceof Error` is false.

/** The `code` of a failed system call, such as ENOENT. */
function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}

/** The message; the code when there is none (a refused connection to several addresses has an empty message). */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : ''
  return message !== '' ? message : (codeOf(error) ?? 'no reason given')
}

/** The server answers, and must not hold our tickets. The message says why and what to do. */
export class QueueUnusable extends Error {
  override name = 'QueueUnusable'
}
