export { type Client, type ClientOptions, createClient, type Reply, type Request } from './client.js'
export { ClientError, type ClientErrorCode } from './client-error.js'
export { mergeCurve } from './merge-curve.js'
export { type JobView, type WatchOptions, watchJob } from './watch-job.js'
