import type { FileHandle } from 'node:fs/promises'

/** What this package needs of a bucket that it reads images from; `@kantor/storage` satisfies it. */
export interface Bucket {
  /** Every object whose key begins with `prefix`, page by page. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<BucketObject>
  /**
   * The object as it was listed into the file from `position` on, never a byte more than its size. Says when there is no such object any
   * more, or another one. AppError where the bucket cannot be read.
   */
  download(object: BucketObject, into: FileHandle, position: number, signal: AbortSignal): Promise<Downloaded>
}

export interface BucketObject {
  key: string
  sizeBytes: number
  etag: string | undefined
}

export type Downloaded = 'whole' | 'gone' | 'changed'
