// One mode of ours, in a process of its own; prints one JSON line. Through train() itself, so that reading batches, feeding them and
// reading the losses back is part of what is timed.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { matmulPeak } from './matmul-peak.mjs'
import { compileMlp2d } from './mlp2d.mjs'

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'dcgan64' },
    mode: { type: 'string', default: 'float32' },
    iters: { type: 'string', default: '5' },
    // A JSON file of lowerings: read where it exists, written where not.
    lowerings: { type: 'string' },
  },
})
const iterations = Number(options.iters)
/** Steps before the clock starts: the first one makes thread pools and reorders weights. */
const WARM_STEPS = 1

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const models = { dcgan64, mlp2d, growth, peak }
const result = await models[options.model]()
console.log(
  JSON.stringify({
    ...result,
    seconds: undefined,
    secondsPerGeneratorStep: median(result.seconds),
    min: Math.min(...result.seconds),
    peakMemoryMB: process.resourceUsage().maxRSS / 1024,
  }),
)
process.exit()

/** The authors' defaults: 64 × 64 × 3, batches of 64, five critic steps per generator step, no bursts. */
async function dcgan64() {
  const [{ JobSpecInput }, engine, { train }] = await Promise.all([
    import('@kantor/contracts'),
    import('@kantor/engine'),
    import('@kantor/training'),
  ])
  await engine.loadTensorFlow()
  const native = timeNativeCalls(engine)
  const precision = options.mode === 'bfloat16' ? 'bfloat16' : 'float32'
  const spec = JobSpecInput.parse({
    dataset: 'bench',
    precision,
    seed: 1,
    schedule: { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    budget: { generatorSteps: iterations + WARM_STEPS },
    sampling: { every: 1_000_000, count: 1 },
    checkpoint: { everySteps: 1_000_000, everySeconds: 86_400 },
  })
  const images = fakeImages(10_000, 64, 3)
  const file = options.lowerings
  const known = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const control = { shouldStop: () => false, elapsedSeconds: () => 0 }
  const how = options.mode === 'eager' ? 'eager' : 'compiled'
  const events = train({ spec, images, control, lowerings: known, engine: how })

  const started = performance.now()
  let compileSeconds
  let last = 0
  let outside = 0
  const seconds = []
  let lowerings
  for await (const { type, point, lowerings: chosen } of events) {
    const now = performance.now()
    if (type === 'ready') {
      compileSeconds = (now - started) / 1000
      lowerings = chosen
      if (file) writeFileSync(file, JSON.stringify({ ...known, ...chosen }))
    }
    if (type === 'point' && point.step > WARM_STEPS) {
      seconds.push((now - last) / 1000)
      outside += now - last - native.milliseconds
    }
    last = now
    native.milliseconds = 0
    if (type === 'point' && point.step === iterations + WARM_STEPS) break
  }
  return {
    seconds,
    compileSeconds,
    lowerings,
    ...(options.mode !== 'eager' && { hostOverhead: outside / 1000 / seconds.reduce((a, b) => a + b, 0) }),
  }
}

/** A small DCGAN for `iters` steps: what memory and the number of tensors do once everything is warm. */
async function growth() {
  const [{ JobSpecInput }, engine, { train }] = await Promise.all([
    import('@kantor/contracts'),
    import('@kantor/engine'),
    import('@kantor/training'),
  ])
  await engine.loadTensorFlow()
  const spec = JobSpecInput.parse({
    dataset: 'bench',
    seed: 1,
    model: { imageSize: 16, generatorFilters: 16, criticFilters: 16 },
    schedule: { warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } },
    batchSize: 32,
    lowerings: 'direct',
    budget: { generatorSteps: iterations },
    sampling: { every: 1_000_000, count: 1 },
    checkpoint: { everySteps: 1_000_000, everySeconds: 86_400 },
  })
  const images = fakeImages(1_000, 16, 3)
  const control = { shouldStop: () => false, elapsedSeconds: () => 0 }
  const seconds = []
  const megabytes = []
  const tensors = new Set()
  let last = performance.now()
  for await (const { type, point } of train({ spec, images, control })) {
    if (type !== 'point') continue
    const now = performance.now()
    seconds.push((now - last) / 1000)
    last = now
    if (point.step % 50 !== 0 || point.step < iterations / 4) continue
    globalThis.gc()
    megabytes.push(process.memoryUsage().rss / 2 ** 20)
    tensors.add(engine.tf.memory().numTensors)
  }
  // Medians of the first and the last third: one late page is no growth.
  const third = Math.floor(megabytes.length / 3)
  return {
    seconds,
    memoryGrownMB: median(megabytes.slice(-third)) - median(megabytes.slice(0, third)),
    tensorsGrown: Math.max(...tensors) - Math.min(...tensors),
  }
}

async function peak() {
  return { seconds: [0], operationsPerSecond: await matmulPeak(options.mode) }
}

async function mlp2d() {
  const started = performance.now()
  const { step } = await compileMlp2d()
  const compileSeconds = (performance.now() - started) / 1000
  for (let i = 0; i < 20; i++) step()
  const seconds = []
  for (let i = 0; i < iterations; i++) {
    const start = performance.now()
    step()
    seconds.push((performance.now() - start) / 1000)
  }
  return { seconds, compileSeconds }
}

/** Adds up what is spent inside the one call that runs a graph. The addon's own object is frozen, so the backend gets a stand-in over it. */
function timeNativeCalls({ tf }) {
  const backend = tf.backend()
  const { binding } = backend
  const total = { milliseconds: 0 }
  const runSavedModel = (...args) => {
    const start = performance.now()
    try {
      return binding.runSavedModel(...args)
    } finally {
      total.milliseconds += performance.now() - start
    }
  }
  backend.binding = Object.create(binding, { runSavedModel: { value: runSavedModel } })
  return total
}

function fakeImages(numImages, imageSize, channels) {
  const size = imageSize * imageSize * channels
  const pixels = new Uint8Array(256 * size).map((_, i) => (i * 2_654_435_761) >>> 24)
  return {
    numImages,
    imageSize,
    channels,
    read(indices) {
      const batch = new Uint8Array(indices.length * size)
      indices.forEach((index, i) =>
        batch.set(pixels.subarray((index % 256) * size, ((index % 256) + 1) * size), i * size),
      )
      return batch
    },
  }
}
