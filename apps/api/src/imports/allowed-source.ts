import { realpath } from 'node:fs/promises'
import { isAbsolute, resolve, sep } from 'node:path'
import { type BucketPlace, type FieldErrorCode, isBelowPlace, parseBucketPlace } from '@kantor/contracts'
import { validationFailed } from '../plugins/zod.js'

/** What is open to imports. */
export interface Allowed {
  /** Folders of this machine. */
  importRoots: readonly string[]
  /** `s3://bucket/prefix`. */
  importPlaces: readonly string[]
}

/** Where something may be imported from: a real path, or a place in a bucket. */
export type AllowedSource = { path: string } | { place: BucketPlace }

/**
 * What is to be imported, when it is open to imports. Whether anything else exists is told nobody; what a bucket holds is asked by the import
 * alone. AppError `validation-failed` with `dataset-ref-forbidden` or `dataset-not-found`.
 */
export async function allowedSource(from: string, { importRoots, importPlaces }: Allowed): Promise<AllowedSource> {
  if (!from.startsWith('s3://')) return { path: await allowedPath(from, importRoots) }
  const place = parseBucketPlace(from)
  if (place && importPlaces.some((above) => isBelowPlace(place, parseBucketPlace(above)!))) return { place }
  throw refused(
    'must be s3://bucket/prefix below a prefix that is open to imports',
    'the operator’s KANTOR_IMPORT_S3 names those prefixes',
  )
}

/**
 * The real path of what is to be imported, when it lies below an allowed folder, links followed. Whether anything else on this machine
 * exists is told nobody. AppError `validation-failed` with `dataset-ref-forbidden` or `dataset-not-found`.
 */
async function allowedPath(from: string, roots: readonly string[]): Promise<string> {
  if (roots.length === 0)
    throw refused('no folder is open to imports here', 'set KANTOR_IMPORT_ROOTS, or upload the file')
  if (!isAbsolute(from) || from.includes('\0')) throw forbidden()
  const path = resolve(from)
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)))
  const allowed = [...roots, ...realRoots]
  if (!allowed.some((root) => isBelow(path, root))) throw forbidden()
  const real = await realpath(path).catch(() => null)
  if (real === null) throw refused('nothing lies there', undefined, 'dataset-not-found')
  if (!realRoots.some((root) => isBelow(real, root))) throw forbidden()
  return real
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

const forbidden = () =>
  refused(
    'must be an absolute path below a folder that is open to imports',
    'the operator’s KANTOR_IMPORT_ROOTS names those folders',
  )

const refused = (message: string, hint?: string, code: FieldErrorCode = 'dataset-ref-forbidden') =>
  validationFailed([{ pointer: '/from', code, message, ...(hint !== undefined && { hint }) }])
