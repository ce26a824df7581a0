import { AppError } from '@kantor/contracts'

export const unsafe = (name: string, why: string): AppError =>
  new AppError('archive-unsafe-entry', `the archive's entry ${quoted(name)} ${why}; nothing of the archive was used`)

/** For people and logs: JSON escapes line breaks and control characters; a name of 4 096 bytes is cut. */
export const quoted = (name: string): string => JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name)

/**
 * An entry's name with forward slashes and without empty and `.` segments. It is data: no name becomes a path anywhere. One that would
 * lead out of a folder is refused all the same, because whoever wrote it did not mean a picture. AppError `archive-unsafe-entry`.
 */
export function entryName(raw: string): string {
  if (raw.includes('\0')) throw unsafe(raw, 'holds NUL')
  const path = raw.replaceAll('\\', '/')
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) throw unsafe(raw, 'is an absolute path')
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) throw unsafe(raw, 'leads out of its folder')
  return segments.join('/')
}
