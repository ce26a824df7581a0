// Names of an archive's entries: ours alone, nothing that a person typed becomes a path.

/** JSON, each of a shape of its own in contracts. */
const documents = [
  'job.json',
  'spec.json',
  'events.json',
  'attempts.json',
  'samples.json',
  'checkpoints.json',
  'curve.json',
] as const
export type DocumentName = (typeof documents)[number]

const others = ['manifest.json', 'curve.csv', 'superseded.csv', 'curve.parquet'] as const

interface Made {
  step: number
  attempt: number
}
const tag = ({ step, attempt }: Made) => `${String(step).padStart(9, '0')}-${attempt}`
export const sampleEntry = (sample: Made): string => `samples/${tag(sample)}.png`
/** The coordinates of a sample of points, float32 one after the other. */
export const coordinatesEntry = (sample: Made): string => `samples/${tag(sample)}.f32`
export const checkpointEntry = (checkpoint: Made): string => `checkpoints/${tag(checkpoint)}.safetensors`

/** Whether an archive of this version may hold an entry of this name. */
export const isEntryName = (name: string): boolean =>
  [...documents, ...others].includes(name as DocumentName) ||
  /^samples\/\d{9,10}-\d{1,9}\.(?:png|f32)$/.test(name) ||
  /^checkpoints\/\d{9,10}-\d{1,9}\.safetensors$/.test(name)
