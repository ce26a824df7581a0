import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { probeTensorFlow, tensorFlowRemedy } from '../doctor/probe-tensorflow.js'
import { Failure, exitCodes } from '../failure.js'
import { note, print, printJson, table } from '../output.js'

/** Largest deviations from PyTorch that are allowed: losses relative to the largest |loss|, weights and images absolute. */
const limits = { lossError: 1e-5, weightError: 5e-6, sampleError: 1e-5 } as const
type Errors = Record<keyof typeof limits, number>

interface Bar {
  name: string
  value: number | null
  op: '<='
  limit: number
  pass: boolean | null
}

/** `kantor parity FILE…`: replays recorded PyTorch trainings and compares. */
export function parity(): Command {
  return new Command('parity')
    .description('Replay recorded PyTorch trainings and compare. Exit 1 when a bar is missed, 2 without TensorFlow')
    .argument('<file...>', 'safetensors files with weights, batches and expected results')
    .option('--json', 'one JSON document on stdout')
    .action(async (files: string[], options: { json?: boolean }) => {
      // All files first: a mistyped name should not cost a minute of training.
      const inputs = await Promise.all(files.map(async (file) => ({ file, bytes: await read(file) })))
      const tensorflow = await probeTensorFlow()
      if (!tensorflow.ok) {
        if (options.json)
          printJson({ files: [], bars: files.flatMap((file) => barsOf(file, null)), error: tensorflow.problem })
        note(`kantor: TensorFlow does not load: ${tensorflow.problem}\n${tensorFlowRemedy}`)
        process.exit(exitCodes.usage)
      }
      const { replayParity } = await import('@kantor/training')
      const results = []
      for (const { file, bytes } of inputs) {
        try {
          const { config, eager } = await replayParity(bytes)
          const pass = barsOf(file, eager).every((bar) => bar.pass)
          results.push({ file, config, eager, pass })
        } catch (error) {
          throw new Failure('failed', `${file}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          })
        }
      }
      const bars = results.flatMap(({ file, eager }) => barsOf(file, eager))
      if (options.json) printJson({ files: results, bars })
      else print(report(results))
      if (bars.some((bar) => !bar.pass)) process.exit(exitCodes.failed)
    })
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw new Failure('notFound', `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
}

const barsOf = (file: string, errors: Errors | null): Bar[] =>
  (Object.keys(limits) as (keyof Errors)[]).map((name) => {
    const value = errors?.[name] ?? null
    const limit = limits[name]
    // NaN compares false: a run that diverged misses its bars.
    return { name: `${file} eager ${name}`, value, op: '<=', limit, pass: value === null ? null : value <= limit }
  })

function report(results: { file: string; eager: Errors; pass: boolean }[]): string {
  const rows = results.map(({ file, eager, pass }) => [
    file,
    eager.lossError.toExponential(1),
    eager.weightError.toExponential(1),
    eager.sampleError.toExponential(1),
    pass ? 'pass' : 'FAIL',
  ])
  const limitRow = ['limit', ...Object.values(limits).map((limit) => limit.toExponential(0)), '']
  return table(['FILE', 'LOSSES', 'WEIGHTS', 'SAMPLES', ''], [...rows, limitRow], [1, 2, 3])
}
