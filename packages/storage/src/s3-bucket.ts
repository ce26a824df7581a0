import type { FileHandle } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { AppError } from '@kantor/contracts'
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { codeOf, nameOf } from './failure.js'
import { createS3Client, type S3Service } from './s3-client.js'
import { refusalOf } from './s3-refusals.js'
import { pause, retriable, statusOf } from './s3-server.js'

/** Where data of others lies. */
export interface BucketOptions extends S3Service {
  bucket: string
  /** What the environment's variables that say all this begin with: remedies name them. */
  variables: string
}

export interface BucketObject {
  key: string
  sizeBytes: number
  etag: string | undefined
}

/** A download may rest for so long, and be as slow as a weak line is. */
const PATIENCE_MS = 600_000
const SLOWEST_BYTES_PER_MS = 128

/**
 * A bucket of others, which is only read. Rejects with AppError `dataset-unavailable` that says what is wrong and what to do about it, and
 * holds neither the service's address nor anything else that it said.
 */
export class S3Bucket {
  readonly #client: S3Client
  readonly #options: BucketOptions

  constructor(options: BucketOptions) {
    this.#client = createS3Client(options)
    this.#options = options
  }

  /** Every object whose key begins with `prefix`. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<BucketObject> {
    let token: string | undefined
    do {
      const page = await this.#page(prefix, token, signal)
      // Control characters, which a key may hold, are not possible in XML.
      const decode = page.EncodingType === 'url' ? decodeKey : (key: string) => key
      for (const { Key, Size, ETag } of page.Contents ?? [])
        if (Key !== undefined) yield { key: decode(Key), sizeBytes: Size ?? 0, etag: ETag }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** The object as it was listed into the file, from `position` on and never a byte more than its size. */
  async download(
    object: BucketObject,
    into: FileHandle,
    position: number,
    signal: AbortSignal,
  ): Promise<'whole' | 'gone' | 'changed'> {
    const patience = AbortSignal.timeout(PATIENCE_MS + Math.ceil(object.sizeBytes / SLOWEST_BYTES_PER_MS))
    const ending = AbortSignal.any([signal, patience])
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#copy(object, into, position, ending)
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return 'gone'
        if (statusOf(error) === 412) return 'changed'
        // Of the file that is written to.
        if (codeOf(error) === 'ENOSPC' || signal.aborted) throw error
        if (attempt === 3 || patience.aborted || !retriable(error)) throw this.#explain(error)
        await pause(attempt)
      }
    }
  }

  close(): void {
    this.#client.destroy()
  }

  async #page(prefix: string, token: string | undefined, signal: AbortSignal) {
    try {
      return await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#options.bucket,
          Prefix: prefix,
          EncodingType: 'url',
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        { abortSignal: signal },
      )
    } catch (error) {
      throw signal.aborted ? error : this.#explain(error)
    }
  }

  async #copy({ key, sizeBytes, etag }: BucketObject, into: FileHandle, position: number, signal: AbortSignal) {
    const reply = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#options.bucket, Key: key, ...(etag !== undefined && { IfMatch: etag }) }),
      { abortSignal: signal },
    )
    const body = addAbortSignal(signal, reply.Body as Readable)
    // Several servers ignore the condition.
    const isAnother = etag !== undefined && reply.ETag !== undefined && reply.ETag !== etag
    let done = 0
    if (!isAnother)
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        if (done + chunk.byteLength > sizeBytes) break
        await into.write(chunk, 0, chunk.byteLength, position + done)
        done += chunk.byteLength
      }
    body.destroy()
    return done === sizeBytes && !isAnother ? 'whole' : 'changed'
  }

  #explain(error: unknown): AppError {
    const { bucket, variables } = this.#options
    const status = statusOf(error)
    const what =
      nameOf(error) === 'NoSuchBucket'
        ? `has no bucket ${bucket}`
        : status === undefined
          ? `does not answer (${codeOf(error) ?? nameOf(error)})`
          : (refusalOf(error, status, { bucket, variables, permissions: readPermissions }) ??
            (status === 403 || status === 401
              ? `refuses the credentials for bucket ${bucket} (${status})`
              : `failed (${status})`))
    return new AppError('dataset-unavailable', `the service that ${variables}_ENDPOINT names ${what}`, { cause: error })
  }
}

const readPermissions = 's3:ListBucket on it, and s3:GetObject on its objects'

/** A key that is not UTF-8 stays as it was sent: nothing has this name, and that is told. */
function decodeKey(sent: string): string {
  try {
    return decodeURIComponent(sent.replaceAll('+', ' '))
  } catch {
    return sent
  }
}
