export { checkpointKey, datasetKey, sampleKey } from './keys.js'
export type { ObjectBody, ObjectStore, PutOptions } from './object-store.js'
export { openStore, type StoreOptions } from './open-store.js'
