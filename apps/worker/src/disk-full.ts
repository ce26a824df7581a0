/** Codes of a disk that takes no more: it may take more in a moment, once somebody has made room. */
const codes = new Set(['ENOSPC', 'EDQUOT'])

/** True for the refusal of a full disk, or of a used-up quota. The job is not at fault, and starting it again would not help. */
export function isDiskFull(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.has(String(error.code))
}
