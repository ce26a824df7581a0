// Trains a few steps of one spec in this process, as a trainer does, and prints its memory as one JSON line. The argument is JSON:
// {channels, lowerings?, spec} with `spec` as in POST /jobs.
import { JobSpecInput } from '@kantor/contracts'
import { loadTensorFlow } from '@kantor/engine'
import { train } from '@kantor/training'

const NUM_IMAGES = 10_000
const { channels, spec: given } = JSON.parse(process.argv[2])
// Every kind of work once: bursts step by step, whole turns, a sample, a checkpoint.
const spec = JobSpecInput.parse({
  dataset: 'bench',
  seed: 1,
  schedule: { warmup: { generatorSteps: 1, criticSteps: 6 }, every: { generatorSteps: 0 } },
  budget: { generatorSteps: 4 },
  ...given,
})
const imageBytes = spec.model.imageSize ** 2 * channels
const images = {
  numImages: NUM_IMAGES,
  imageSize: spec.model.imageSize,
  channels,
  read: (indices) => Uint8Array.from({ length: indices.length * imageBytes }, (_, i) => (i * 37) % 256),
}
const control = { shouldStop: () => false, elapsedSeconds: () => 0 }

await loadTensorFlow()
const loadedBytes = process.memoryUsage.rss()
let checkpointBytes = 0
for await (const event of train({ spec, images, control })) {
  if (event.type === 'checkpoint') checkpointBytes = event.bytes.byteLength
}
console.log(JSON.stringify({ loadedBytes, peakBytes: process.resourceUsage().maxRSS * 1024, checkpointBytes }))
process.exit()
