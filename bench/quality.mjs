// `npm run bench:quality`: what a WGAN-GP on MNIST reaches in fifteen minutes of two cores, measured as an evaluation of the service does.
//   --json            one document with bars        --seconds 900   training time of two cores: half the processor's seconds
//   --wall 3600       stop training after so long on the clock, whatever it has had of the processor
//   --published       also the check of the prdc authors' README: 10 000 points of 1 000 normal coordinates, some minutes
import { parseArgs } from 'node:util'
import { JobSpec } from '@kantor/contracts'
import { readImages } from '@kantor/datasets'
import { loadTensorFlow } from '@kantor/engine'
import { evaluate, makeRandomExtractor, openExtractor, train, trainClassifier } from '@kantor/training'
import { seededNormals } from '@kantor/training/oracles'
import { prdc } from '@kantor/training/quality'
import { bar, finish } from '../scripts/bars.mjs'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '900' },
    wall: { type: 'string', default: '3600' },
    published: { type: 'boolean', default: false },
  },
})
const IMAGE_SIZE = 32
const MEASURED = 5000
const METRICS = [
  'fid_classifier',
  'is_classifier',
  'fid_random',
  'precision',
  'recall',
  'density',
  'coverage',
  'sliced_w1',
]
/** In their README, of one draw; and how far draws spread, of six. So many coordinates have hubs: density is the work of a few points. */
const PUBLISHED = { precision: 0.4772, recall: 0.4705, density: 1.0555, coverage: 0.9735 }
const SPREAD = { precision: 0.0136, recall: 0.0088, density: 0.088, coverage: 0.0089 }

const say = (text) => process.stderr.write(`${text}\n`)
const bars = []

const points = (seed) => {
  const next = seededNormals(seed)
  return { values: Float32Array.from({ length: 10_000 * 1000 }, next), dimensions: 1000 }
}

await loadTensorFlow({ threads: 2 })
const all = await readImages({ kind: 'mnist' }, { imageSize: IMAGE_SIZE })
const imageBytes = IMAGE_SIZE ** 2 * all.channels
const images = {
  numImages: all.numImages,
  imageSize: IMAGE_SIZE,
  channels: all.channels,
  labels: all.labels,
  numClasses: 10,
  read(indices) {
    const bytes = new Uint8Array(indices.length * imageBytes)
    indices.forEach((index, i) =>
      bytes.set(all.images.subarray(index * imageBytes, (index + 1) * imageBytes), i * imageBytes),
    )
    return bytes
  },
}
const spec = JobSpec.parse({
  dataset: 'mnist',
  seed: 1,
  model: {
    generator: 'dcgan',
    critic: 'dcgan-nobn',
    imageSize: IMAGE_SIZE,
    latentSize: 64,
    generatorFilters: 32,
    criticFilters: 32,
  },
  objective: { kind: 'wgan-gp', lambda: 10 },
  optimizer: { kind: 'adam', beta1: 0.5, beta2: 0.9, criticLearningRate: 3e-4, generatorLearningRate: 3e-4 },
  schedule: { criticSteps: 2, warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
  batchSize: 64,
  budget: { seconds: Number(flags.seconds) },
  sampling: { every: 1_000_000, count: 1 },
  checkpoint: { everySteps: 1_000_000, everySeconds: 86_400 },
})

const began = performance.now()
const wallSeconds = () => (performance.now() - began) / 1000
const cpuSeconds = () => Object.values(process.cpuUsage()).reduce((sum, x) => sum + x, 0) / 1e6
const cpuBefore = cpuSeconds()
const elapsedSeconds = () => (cpuSeconds() - cpuBefore) / 2
const control = { shouldStop: () => wallSeconds() >= Number(flags.wall), elapsedSeconds }
let checkpoint
let steps = 0
for await (const event of train({ spec, images, control })) {
  if (event.type === 'point') steps = event.point.step
  if (event.type === 'point' && steps % 500 === 0)
    say(`step ${steps}: ${elapsedSeconds().toFixed(0)} s of two cores, ${wallSeconds().toFixed(0)} s`)
  if (event.type === 'checkpoint') checkpoint = event.bytes
}
const trained = { steps, secondsOfTwoCores: elapsedSeconds(), wallSeconds: wallSeconds() }
say(`trained: ${JSON.stringify(trained)}`)

const extractors = [openExtractor(trainClassifier(images), images), openExtractor(makeRandomExtractor(images), images)]
const { measurements } = evaluate({ checkpoint, images, extractors, metrics: METRICS, numImages: MEASURED })
const accuracy = extractors[0].accuracy
for (const { name, value, floor, blurred } of measurements)
  say(`${name}: ${value} (real ${floor}, blurred real ${blurred})`)
const fid = measurements.find(({ name }) => name === 'fid_classifier')
bars.push(
  bar('accuracy of the classifier on held-out MNIST', accuracy, '>=', 0.97),
  bar('classifier-FID over that of blurred real images', fid.value / fid.blurred, '<=', 0.1),
)

if (flags.published) {
  const found = prdc(points(1), points(2))
  for (const [name, published] of Object.entries(PUBLISHED))
    bars.push(
      bar(
        `${name} of equal normal laws, off the published ${published}, in spreads of such a difference`,
        Math.abs(found[name] - published) / (Math.SQRT2 * SPREAD[name]),
        '<=',
        3,
      ),
    )
}

finish({ bars, trained, accuracy, measured: MEASURED, measurements, spec }, flags.json)
