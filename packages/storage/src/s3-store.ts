import { Readable } from 'node:stream'
import { AppError } from '@kantor/contracts'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { type Content, chunksOf, measure, noSuchObject, otherContent, wrongHash } from './content.js'
import { checkKey } from './object-key.js'
import type { ListedObject, ObjectBody, ObjectStore, PutOptions } from './object-store.js'
import { createS3Client, type S3Service } from './s3-client.js'
import { ensureBucket, pause, hasConditionalWrites, statusOf, unavailable } from './s3-server.js'
import { abortUploads, goesInParts, upload } from './s3-upload.js'

export interface S3Options extends S3Service {
  bucket: string
}

/** Creates the bucket when it is missing. Rejects with AppError `dependency-unavailable` that names what is wrong. */
export async function openS3Store(options: S3Options, warn: (message: string) => void): Promise<ObjectStore> {
  const client = createS3Client(options)
  try {
    await ensureBucket(client, options)
    const conditional = await hasConditionalWrites(client, options)
    if (!conditional)
      warn(
        `the object store at ${options.endpoint} ignores "If-None-Match: *": puts look first instead, and of two writers of one key at ` +
          'the same moment the last would win; keys carry the hash of their content, so both would write the same',
      )
    return new S3Store(client, options, conditional)
  } catch (error) {
    client.destroy()
    throw error
  }
}

class S3Store implements ObjectStore {
  readonly #client: S3Client
  readonly #options: S3Options
  readonly #conditional: boolean

  constructor(client: S3Client, options: S3Options, conditional: boolean) {
    this.#client = client
    this.#options = options
    this.#conditional = conditional
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<void> {
    checkKey(key)
    const content = await measure(chunksOf(body))
    if (content.sha256 !== options.sha256) throw wrongHash(key, options.sha256, content.sha256)
    // Some servers know the condition for whole uploads only, some not at all.
    const looksFirst = !this.#conditional || goesInParts(content)
    if (looksFirst && (await this.#headObject(key)) && (await this.#isThere(key, content))) return
    for (let attempt = 1; ; attempt++) {
      try {
        const { contentType } = options
        const job = { bucket: this.#options.bucket, key, body, content, contentType, conditional: this.#conditional }
        const etag = await upload(this.#client, job)
        return await this.#expectWhole(key, content, etag)
      } catch (error) {
        const exists = statusOf(error) === 412
        if (exists && (await this.#isThere(key, content))) return
        // 409: another put of the same key is in flight; the client itself retries everything else.
        if (attempt === 4 || !(exists || statusOf(error) === 409)) throw this.#explain(error)
        await pause(attempt)
      }
    }
  }

  async get(key: string): Promise<Readable> {
    const body = await this.#fetch(key)
    if (body instanceof Readable) return body
    throw new AppError('internal', `the S3 client answered without a stream for ${key}`)
  }

  async getBytes(key: string): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      const stream = await this.get(key)
      try {
        const chunks: Uint8Array[] = []
        for await (const chunk of stream) chunks.push(chunk as Uint8Array)
        return new Uint8Array(Buffer.concat(chunks))
      } catch (error) {
        if (attempt === 3) throw this.#explain(error)
        await pause(attempt)
      }
    }
  }

  async head(key: string): Promise<{ sizeBytes: number } | null> {
    const found = await this.#headObject(key)
    return found && { sizeBytes: found.sizeBytes }
  }

  async remove(key: string): Promise<void> {
    checkKey(key)
    await this.#ask(() => this.#client.send(new DeleteObjectCommand({ Bucket: this.#options.bucket, Key: key })))
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let token: string | undefined
    do {
      const page = await this.#ask(() =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#options.bucket,
            Prefix: prefix,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key !== undefined && LastModified !== undefined) yield { key: Key, storedAt: LastModified }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async removeUnfinished(time: Date): Promise<number> {
    const { bucket } = this.#options
    return this.#ask(() => abortUploads(this.#client, bucket, time))
  }

  async ping(): Promise<void> {
    await this.#ask(() => this.#client.send(new HeadBucketCommand({ Bucket: this.#options.bucket })))
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  /**
   * A server that answered 200 must not be believed: it may have kept half, or bytes that were damaged on the way, and
   * nothing may name such an object. Where the ETag is not what these bytes should have (a server with ETags of its own,
   * as with keys managed by AWS), the object is read back, which costs a download per upload.
   */
  async #expectWhole(key: string, content: Content, etag: string) {
    const found = await this.#headObject(key)
    // Without conditional writes another writer may have come after us; its object is not ours to judge.
    if (found?.sha256 !== undefined && found.sha256 !== content.sha256) throw otherContent(key)
    const isWhole = found?.sizeBytes === content.sizeBytes
    if (isWhole && found.etag === etag) return
    if (isWhole && (await measure(await this.get(key))).sha256 === content.sha256) return
    await this.remove(key)
    const kept = isWhole ? 'other bytes' : found ? `${found.sizeBytes} of ${content.sizeBytes} bytes` : 'nothing'
    throw new AppError(
      'dependency-unavailable',
      `the object store at ${this.#options.endpoint} acknowledged ${key} and kept ${kept}`,
    )
  }

  /**
   * The object that is there is ours from an attempt whose answer was lost, or somebody else's (AppError). It is read: what
   * it says of its content came with the upload, and the bytes may have been damaged on the same way. A damaged one of
   * ours is removed, and false says to upload again.
   */
  async #isThere(key: string, content: Content): Promise<boolean> {
    const found = await this.#headObject(key)
    // Removed in between: whoever removed it did not want it there.
    if (!found) throw otherContent(key)
    const { sha256 } = await measure(await this.get(key))
    if (sha256 === content.sha256) return true
    if (found.sha256 !== content.sha256) throw otherContent(key)
    await this.remove(key)
    return false
  }

  async #headObject(
    key: string,
  ): Promise<{ sizeBytes: number; sha256: string | undefined; etag: string | undefined } | null> {
    checkKey(key)
    try {
      const found = await this.#client.send(new HeadObjectCommand({ Bucket: this.#options.bucket, Key: key }))
      return {
        sizeBytes: found.ContentLength ?? 0,
        sha256: found.Metadata?.['sha256'],
        etag: found.ETag?.replaceAll('"', ''),
      }
    } catch (error) {
      if (statusOf(error) === 404) return null
      throw this.#explain(error)
    }
  }

  async #fetch(key: string) {
    checkKey(key)
    try {
      return (await this.#client.send(new GetObjectCommand({ Bucket: this.#options.bucket, Key: key }))).Body
    } catch (error) {
      if (statusOf(error) === 404) throw noSuchObject(key, error)
      throw this.#explain(error)
    }
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): AppError {
    return error instanceof AppError ? error : unavailable(this.#options, error)
  }
}
