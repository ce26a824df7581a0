// `npm run bench:train -- --json`: our training step beside PyTorch's, on this machine, in this run.
//
// Every mode runs in a process of its own. Rounds are interleaved (A B C, A B C, …), so that a machine that drifts drifts for all, and
// the figures are medians over rounds. PyTorch rows need KANTOR_TORCH_PYTHON, a Python with torch; without it their bars are null
// and the exit code is 2. Exit code 1 when a bar is missed.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const run = promisify(execFile)
const here = import.meta.dirname
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '3' },
  },
})
const rounds = Number(options.rounds)
const { JobSpecInput, operationsPerGeneratorStep } = await import('@kantor/contracts')
/** Of the authors' defaults on colour images, which is what dcgan64 is. */
const OPERATIONS = operationsPerGeneratorStep(JobSpecInput.parse({ dataset: 'bench' }), 3)
const torchPython = process.env['KANTOR_TORCH_PYTHON']
/** What the heap's own breathing makes of nothing. */
const GROWTH_MB = 8

const compiled = ['float32', 'bfloat16']
const kantor = (model, mode) => ({ model, engine: 'kantor', mode })
const torch = (model, mode) => ({ model, engine: 'torch', mode })
const candidates = [
  kantor('dcgan64', 'eager'),
  kantor('dcgan64', 'float32'),
  kantor('dcgan64', 'bfloat16'),
  kantor('mlp2d', 'float32'),
  ...(torchPython
    ? [
        torch('dcgan64', 'eager'),
        torch('dcgan64', 'channels_last'),
        torch('dcgan64', 'channels_last-bf16'),
        torch('mlp2d', 'eager'),
        torch('mlp2d', 'compile'),
      ]
    : []),
]

const folder = mkdtempSync(join(tmpdir(), 'kantor-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

async function measure({ model, engine, mode }, { iterations = model === 'mlp2d' ? '200' : options.steps } = {}) {
  const args = ['--model', model, '--mode', mode, '--iters', iterations]
  const [command, ...before] =
    engine === 'torch'
      ? [torchPython, join(here, 'torch_reference.py')]
      : [process.execPath, '--expose-gc', join(here, 'kantor-step.mjs'), '--lowerings', join(folder, `${mode}.json`)]
  const { stdout } = await run(command, [...before, ...args], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

// Lowerings are timed once per machine; what that takes is told apart, and the rounds find them known.
const firstCompile = {}
const lowerings = {}
for (const mode of compiled) {
  const first = await measure(kantor('dcgan64', mode), { iterations: '1' })
  firstCompile[mode] = first.compileSeconds
  lowerings[mode] = first.lowerings
  process.stderr.write(`compiled with measured lowerings: ${mode} ${first.compileSeconds.toFixed(1)} s\n`)
}
const growth = await measure(kantor('growth', 'float32'), { iterations: '2000' })
const matmulPeak = {}
for (const mode of compiled) matmulPeak[mode] = (await measure(kantor('peak', mode))).operationsPerSecond

const median = (numbers) => {
  const sorted = numbers.filter((value) => value !== undefined).sort((a, b) => a - b)
  return sorted.length === 0 ? null : sorted[sorted.length >> 1]
}

const figures = new Map(candidates.map((candidate) => [candidate, []]))
for (let round = 1; round <= rounds; round++) {
  for (const candidate of candidates) {
    const figure = await measure(candidate)
    figures.get(candidate).push(figure)
    const { model, engine, mode } = candidate
    process.stderr.write(`round ${round}: ${model} ${engine} ${mode} ${figure.secondsPerGeneratorStep.toFixed(4)} s\n`)
  }
}

const rows = candidates.map((candidate) => {
  const runs = figures.get(candidate)
  const of = (key) => median(runs.map((figure) => figure[key]))
  const secondsPerGeneratorStep = of('secondsPerGeneratorStep')
  return {
    ...candidate,
    secondsPerGeneratorStep,
    peakMemoryMB: of('peakMemoryMB'),
    // Of TensorFlow's own large matrix products in that precision, for the networks' arithmetic alone.
    ...(candidate.model === 'dcgan64' && {
      shareOfMatmulPeak:
        OPERATIONS / secondsPerGeneratorStep / matmulPeak[candidate.mode.endsWith('16') ? 'bfloat16' : 'float32'],
    }),
  }
})
const seconds = (model, engine, ...modes) => {
  const found = rows.filter((row) => row.model === model && row.engine === engine && modes.includes(row.mode))
  return found.length === 0 ? null : Math.min(...found.map((row) => row.secondsPerGeneratorStep))
}
const ours = (model, mode, key) => {
  const candidate = candidates.find((each) => each.model === model && each.engine === 'kantor' && each.mode === mode)
  return median(figures.get(candidate).map((figure) => figure[key]))
}

/** How many times as fast as them we are. */
const ratio = (theirs, mine) => (theirs === null || mine === null ? null : theirs / mine)
const bar = (name, value, op, limit) => ({
  name,
  value,
  op,
  limit,
  pass: value === null ? null : op === '>=' ? value >= limit : value <= limit,
})
const bf16 = seconds('dcgan64', 'kantor', 'bfloat16')
const fp32 = seconds('dcgan64', 'kantor', 'float32')
const authors = seconds('dcgan64', 'torch', 'eager')
const bars = [
  bar(
    'bf16-vs-torch-best',
    ratio(seconds('dcgan64', 'torch', 'eager', 'channels_last', 'channels_last-bf16'), bf16),
    '>=',
    1.1,
  ),
  bar('bf16-vs-authors', ratio(authors, bf16), '>=', 1.9),
  bar('fp32-vs-authors', ratio(authors, fp32), '>=', 1.05),
  bar('fp32-vs-channels-last', ratio(seconds('dcgan64', 'torch', 'channels_last'), fp32), '>=', 0.97),
  bar(
    'mlp2d-vs-torch',
    ratio(seconds('mlp2d', 'torch', 'eager', 'compile'), seconds('mlp2d', 'kantor', 'float32')),
    '>=',
    1.5,
  ),
  bar('host-overhead', Math.max(...compiled.map((mode) => ours('dcgan64', mode, 'hostOverhead'))), '<=', 0.03),
  bar('peak-memory', Math.max(...compiled.map((mode) => ours('dcgan64', mode, 'peakMemoryMB'))), '<=', 1200),
  bar('compile-seconds', Math.max(...compiled.map((mode) => ours('dcgan64', mode, 'compileSeconds'))), '<=', 5),
  // Megabytes between steps 500 to 1 000 and 1 500 to 2 000 of a small network; a leak of one image per step would be 6.
  bar('memory-growth', growth.memoryGrownMB, '<=', GROWTH_MB),
  bar('tensor-growth', growth.tensorsGrown, '<=', 0),
]
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  node: process.version,
  matmulPeakGflops: Object.fromEntries(compiled.map((mode) => [mode, Math.round(matmulPeak[mode] / 1e9)])),
}
const report = { machine, rounds, rows, firstCompileSeconds: firstCompile, lowerings, bars }

if (options.json) console.log(JSON.stringify(report, null, 2))
else {
  console.table(rows)
  console.table(bars)
}
process.exit(bars.some((each) => each.pass === false) ? 1 : bars.some((each) => each.pass === null) ? 2 : 0)
