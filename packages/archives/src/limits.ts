import { AppError } from '@kantor/contracts'

/** What an archive may unfold to. Headers that promise more are refused before anything is read; what is read is counted, whatever they promise. */
export interface ArchiveLimits {
  /** Files and folders. */
  maxEntries: number
  /** Of all its files together, unpacked. */
  maxBytes: number
  /** Of one file, unpacked. */
  maxFileBytes: number
}

/** Pictures hardly shrink, text by a factor of ten; a bomb by thousands. */
export const maxRatio = 100
/** An archive of a few small files may be of zeros only. */
export const ratioSlack = 16 * 2 ** 20

export const tooLarge = (why: string, cause?: unknown): AppError =>
  new AppError('archive-too-large', `the archive ${why}`, { cause })

export const unreadable = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError(
        'archive-invalid',
        `the archive cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      )
