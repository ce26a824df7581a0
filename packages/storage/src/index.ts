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
export { openStore, type StoreOptions } from './open-store.js'
