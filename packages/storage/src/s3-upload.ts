import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { Content } from './content.js'
import type { ObjectBody } from './object-store.js'

export interface Upload {
  bucket: string
  key: string
  body: ObjectBody
  content: Content
  contentType: string
  /** Ask the server to refuse when the key exists. */
  conditional: boolean
}

/** Bigger bodies go in parts: each is retried alone, memory stays small, and servers limit what one request may carry. */
const partBytes = 8 << 20
/** S3 allows 10 000 parts. */
const maxParts = 9000

export const goesInParts = ({ sizeBytes }: Content): boolean => sizeBytes > partBytes

/**
 * Sends the body in one request or in parts; nothing is visible before the last one has succeeded. Answers the ETag that
 * most servers give to just these bytes: their MD5, or that of the parts' MD5s.
 */
export const upload = (client: S3Client, job: Upload): Promise<string> =>
  goesInParts(job.content) ? uploadInParts(client, job) : uploadWhole(client, job)

const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest()

async function uploadWhole(client: S3Client, job: Upload): Promise<string> {
  const Body = await slice(job.body, 0, job.content.sizeBytes)
  await client.send(
    new PutObjectCommand({
      Bucket: job.bucket,
      Key: job.key,
      Body,
      ContentLength: job.content.sizeBytes,
      ContentType: job.contentType,
      // The server checks it, if it can: bytes damaged on the way are refused.
      ChecksumSHA256: Buffer.from(job.content.sha256, 'hex').toString('base64'),
      Metadata: { sha256: job.content.sha256 },
      ...(job.conditional && { IfNoneMatch: '*' }),
    }),
  )
  return md5(Body).toString('hex')
}

async function uploadInParts(client: S3Client, job: Upload): Promise<string> {
  const place = { Bucket: job.bucket, Key: job.key }
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...place,
      ContentType: job.contentType,
      Metadata: { sha256: job.content.sha256 },
    }),
  )
  try {
    const size = Math.max(partBytes, Math.ceil(job.content.sizeBytes / maxParts))
    const parts: { PartNumber: number; ETag: string | undefined }[] = []
    const digests: Buffer[] = []
    for (let from = 0; from < job.content.sizeBytes; from += size) {
      const Body = await slice(job.body, from, Math.min(from + size, job.content.sizeBytes))
      const PartNumber = parts.length + 1
      const digest = md5(Body)
      const ContentMD5 = digest.toString('base64')
      const { ETag } = await client.send(
        new UploadPartCommand({ ...place, UploadId, PartNumber, Body, ContentLength: Body.byteLength, ContentMD5 }),
      )
      digests.push(digest)
      parts.push({ PartNumber, ETag })
    }
    await client.send(
      new CompleteMultipartUploadCommand({
        ...place,
        UploadId,
        MultipartUpload: { Parts: parts },
        ...(job.conditional && { IfNoneMatch: '*' }),
      }),
    )
    return `${md5(Buffer.concat(digests)).toString('hex')}-${digests.length}`
  } catch (error) {
    // Parts without their object cost space until somebody removes them.
    await client.send(new AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined)
    throw error
  }
}

/** Ends uploads in parts that were begun before `time`: their processes are gone. Answers how many. */
export async function abortUploads(client: S3Client, bucket: string, time: Date): Promise<number> {
  let numAborted = 0
  let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
  while (from) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, ...from }),
    )
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Key || !UploadId || !Initiated || Initiated >= time) continue
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
      numAborted += 1
    }
    // A server that says that there is more and not where must not keep us here.
    const hasMore = page.IsTruncated === true && page.NextKeyMarker !== undefined
    from = hasMore ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
  }
  return numAborted
}

async function slice(body: ObjectBody, from: number, to: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(from, to)
  const bytes = new Uint8Array(to - from)
  const file = await open(body.file, 'r')
  try {
    for (let filled = 0; filled < bytes.byteLength;) {
      const { bytesRead } = await file.read(bytes, filled, bytes.byteLength - filled, from + filled)
      if (bytesRead === 0) throw new Error(`${body.file} became shorter while it was uploaded`)
      filled += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}
