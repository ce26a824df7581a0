// What is asked of an S3 server before it is trusted with objects, and what its refusals mean.
import { AppError } from '@kantor/contracts'
import {
  CreateBucketCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { messageOf, nameOf } from './failure.js'
import { refusalOf } from './s3-refusals.js'

interface Place {
  endpoint: string
  bucket: string
}

/** The HTTP status of a refusal; undefined when the server did not answer. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

/** No answer, a server error or throttling. */
export function retriable(error: unknown): boolean {
  const status = statusOf(error)
  return status === undefined || status >= 500 || status === 429 || status === 408
}

export function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50 * 3 ** attempt * (0.5 + Math.random())))
}

export function unavailable(place: Place, cause: unknown): AppError {
  const status = statusOf(cause)
  const name = nameOf(cause)
  const what =
    status === undefined
      ? `does not answer (${name}: ${messageOf(cause)})`
      : status === 403 || status === 401
        ? `refuses the credentials for bucket ${place.bucket} (${status} ${name})`
        : `failed (${status} ${name}: ${messageOf(cause)})`
  return new AppError('dependency-unavailable', `the object store at ${place.endpoint} ${what}`, { cause })
}

/** Waits for a starting server (for at most 30 s) and creates the bucket when it is missing. */
export async function ensureBucket(client: S3Client, place: Place): Promise<void> {
  const deadline = performance.now() + 30_000
  for (let attempt = 1; ; attempt++) {
    try {
      await client.send(new HeadBucketCommand({ Bucket: place.bucket }))
      return
    } catch (error) {
      const status = statusOf(error)
      if (status === 404) return await createBucket(client, place)
      if (status !== undefined && !retriable(error)) throw await refused(client, place, error)
      if (performance.now() > deadline) throw unavailable(place, error)
      await pause(Math.min(attempt, 3))
    }
  }
}

async function createBucket(client: S3Client, place: Place) {
  try {
    await client.send(new CreateBucketCommand({ Bucket: place.bucket }))
  } catch (error) {
    // Somebody else was faster.
    if (['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(nameOf(error))) return
    throw new AppError(
      'dependency-unavailable',
      `the object store at ${place.endpoint} has no bucket ${place.bucket} and it could not be created (${nameOf(error)}): create it, or allow these credentials to`,
      { cause: error },
    )
  }
}

const ourPermissions =
  's3:ListBucket on it, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects'

/** The answer to a HEAD has no body, and so no reason: ask something that has one. */
async function refused(client: S3Client, place: Place, first: unknown): Promise<AppError> {
  const why = await client.send(new ListObjectsV2Command({ Bucket: place.bucket, MaxKeys: 1 })).then(
    () => first,
    (error: unknown) => error,
  )
  const asked = { bucket: place.bucket, variables: 'S3', permissions: ourPermissions }
  const reason = refusalOf(why, statusOf(why), asked) ?? refusalOf(first, statusOf(first), asked)
  if (reason === undefined) return unavailable(place, why)
  return new AppError('dependency-unavailable', `the object store at ${place.endpoint} ${reason}`, { cause: why })
}

/**
 * Whether the server honours `If-None-Match: *`: several accept the header, ignore it and overwrite, others refuse it as unknown. Without
 * it a put looks first, which is no lock; our keys make that harmless, since they carry their content's hash.
 */
export async function hasConditionalWrites(client: S3Client, place: Place): Promise<boolean> {
  const probe = { Bucket: place.bucket, Key: 'kantor-probe', Body: new Uint8Array([107]), IfNoneMatch: '*' }
  const write = () => client.send(new PutObjectCommand(probe))
  try {
    // The first write may create the probe; the second must be refused.
    await write()
    await write()
    return false
  } catch (error) {
    const status = statusOf(error)
    // A conflict means that another process is probing: the server knows the condition.
    if (status === 412 || status === 409) return true
    if (status === 501 || status === 400) return false
    throw unavailable(place, error)
  }
}
