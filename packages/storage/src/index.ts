export { checkpointKey, datasetKey, isArtifactKey, jobPrefix, sampleKey } from './keys.js'
export type { ListedObject, ObjectBody, ObjectStore, PutOptions } from './object-store.js'
export { openStore, type StoreOptions } from './open-store.js'
