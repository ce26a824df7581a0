/** Where objects lie: `s3://bucket` or `s3://bucket/key`. */
export interface BucketPlace {
  bucket: string
  /** Of one object, or what the keys of many begin with; may be empty. */
  key: string
}

// oxlint-disable-next-line no-control-regex
const oddKey = /[\u0000-\u001f\u007f\\]|\p{Surrogate}/u
const isBucketName = (text: string) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text)

/**
 * Reads a place; null for what is none, and for a key with an empty or a relative part: to S3 it is a name like any other, and to a proxy that
 * tidies URLs it is another object.
 */
export function parseBucketPlace(text: string): BucketPlace | null {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(text) ?? []
  if (!isBucketName(bucket) || oddKey.test(key) || key.length > 1024) return null
  const parts = key.replace(/\/$/, '').split('/')
  const isTidy = key === '' || parts.every((part) => part !== '' && part !== '.' && part !== '..')
  return isTidy ? { bucket, key } : null
}

/** Is this place one of the other, or below it? Parts of keys are whole: `s3://b/cats` is not below `s3://b/cat`. */
export function isBelowPlace(place: BucketPlace, above: BucketPlace): boolean {
  const folder = above.key === '' || above.key.endsWith('/') ? above.key : `${above.key}/`
  return place.bucket === above.bucket && (place.key === above.key || `${place.key}/`.startsWith(folder))
}
