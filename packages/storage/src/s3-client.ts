import { S3Client } from '@aws-sdk/client-s3'

/** An S3 service and who asks it. */
export interface S3Service {
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

export function createS3Client({ endpoint, region, accessKeyId, secretAccessKey }: S3Service): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    // Buckets as host names need DNS that a self-hosted server rarely has.
    forcePathStyle: true,
    // The default sends checksums as trailers, which several servers store as part of the object; we send our own sha256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 4,
    // Idle limits, not total ones: a large checkpoint may take minutes.
    requestHandler: { connectionTimeout: 5000, socketTimeout: 20_000 },
  })
}
