// The layout of the store. A key carries its content's hash, so that two attempts that wrote the same step differently do not meet.

/** Everything of one job is below it. */
export const jobPrefix = (jobId: string) => `jobs/${jobId}/`

/** A grid of samples, PNG. */
export const sampleKey = (jobId: string, step: number, epoch: number, sha256: string) =>
  `${jobPrefix(jobId)}samples/${stepTag(step)}-${epoch}-${sha256.slice(0, 16)}.png`

/** A checkpoint, one safetensors file. */
export const checkpointKey = (jobId: string, step: number, epoch: number, sha256: string) =>
  `${jobPrefix(jobId)}checkpoints/${stepTag(step)}-${epoch}-${sha256.slice(0, 16)}.safetensors`

/** What a task made of one of the job's checkpoints. */
export const outputKey = (jobId: string, taskId: string, sha256: string) =>
  `${jobPrefix(jobId)}outputs/${taskId}-${sha256.slice(0, 16)}`

export const weightsPrefix = 'weights/'

/** Uploaded weights, one safetensors file. `id`: another one per upload. */
export const weightsKey = (id: string) => `${weightsPrefix}${id}.safetensors`

/** Keys of samples, checkpoints, outputs and uploaded weights: what rows name, and what is litter when none does. */
export const isArtifactKey = (key: string) => /^(jobs\/[^/]+\/(samples|checkpoints|outputs)|weights)\//.test(key)

/** A part of one version of a dataset, such as `original`, `manifest.json`. */
export const datasetKey = (id: string, version: string, ...parts: string[]) =>
  ['datasets', id, version, ...parts].join('/')

/** A network that gives features of a dataset's images at one size. */
export const extractorKey = (id: string, version: string, imageSize: number, kind: string, sha256: string) =>
  datasetKey(id, version, 'extractors', `${kind}-${imageSize}-${sha256.slice(0, 16)}.safetensors`)

/** Zero-padded: a listing sorts by step. */
const stepTag = (step: number) => String(step).padStart(9, '0')
