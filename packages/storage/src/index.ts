export {
  checkpointKey,
  datasetKey,
  extractorKey,
  isArtifactKey,
  jobPrefix,
  outputKey,
  sampleKey,
  weightsKey,
  weightsPrefix,
} from './keys.js'
export type { ListedObject, ObjectBody, ObjectStore, PutOptions } from './object-store.js'
export { openBucket, openStore, type StoreOptions } from './open-store.js'
export type { BucketOptions, S3Bucket } from './s3-bucket.js'
export type { S3Service } from './s3-client.js'
