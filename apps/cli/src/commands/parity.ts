import { readFile } from 'node:fs/promises'
import type { ParityErrors, ParityResult } from '@kantor/training'
import { Command } from 'commander'
import { probeTensorFlow, tensorFlowRemedy } from '../doctor/probe-tensorflow.js'
import { exitCodes, Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'

interface Bar {
  name: string
  value: number | null
  op: '<='
  limit: number
  /** Null when it could not be measured. */
  pass: boolean | null
}

type Replayed = ParityResult & { file: string }
type Limits = Record<keyof ParityErrors, number>

/** `kantor parity FILE…`: replays recorded PyTorch trainings and compares. */
export function parity(): Command {
  return new Command('parity')
    .description('Replay recorded PyTorch trainings and compare. Exit 1 when a bar is missed, 2 without TensorFlow')
    .argument('<file...>', 'safetensors files with weights, batches and expected results')
    .option('--json', 'one JSON document on stdout')
    .action(async (files: string[], options: { json?: boolean }) => {
      // All files first: a mistyped name should not cost a minute of training.
      const inputs = await Promise.all(files.map(async (file) => ({ file, bytes: await read(file) })))
      const { parityBars, replayParity } = await import('@kantor/training')
      const tensorflow = await probeTensorFlow()
      if (!tensorflow.ok) {
        const bars = files.flatMap((file) => engines.flatMap((engine) => barsOf(file, engine, null, parityBars)))
        if (options.json) printJson({ files: [], bars, error: tensorflow.problem })
        note(`kantor: TensorFlow does not load: ${tensorflow.problem}\n${tensorFlowRemedy}`)
        process.exit(exitCodes.usage)
      }
      const { loadTensorFlow } = await import('@kantor/engine')
      await loadTensorFlow()
      const results = inputs.map(({ file, bytes }): Replayed => {
        try {
          return { file, ...replayParity(bytes) }
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error)
          throw new Failure('usage', `${file}: ${why}`, { cause: error })
        }
      })
      const bars = results.flatMap((result) =>
        engines.flatMap((engine) => barsOf(result.file, engine, result[engine], parityBars)),
      )
      if (options.json) printJson({ files: results, bars })
      else print(report(results, parityBars))
      if (bars.some((bar) => !bar.pass)) process.exit(exitCodes.failed)
    })
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw new Failure('notFound', `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
}

/** Operation by operation, and as the one graph that training runs. */
const engines = ['eager', 'compiled'] as const

const barsOf = (file: string, engine: (typeof engines)[number], errors: ParityErrors | null, limits: Limits): Bar[] =>
  (Object.keys(limits) as (keyof ParityErrors)[]).map((name) => {
    const value = errors?.[name] ?? null
    const limit = limits[name]
    return { name: `${file} ${engine} ${name}`, value, op: '<=', limit, pass: value === null ? null : value <= limit }
  })

const small = (value: number) => value.toExponential(1)

function report(results: Replayed[], { lossError, weightError, sampleError }: Limits): string {
  const rows = results.flatMap(({ file, pass, ...measured }) =>
    engines.map((engine) => [
      file,
      engine,
      small(measured[engine].lossError),
      small(measured[engine].weightError),
      small(measured[engine].sampleError),
      pass ? 'pass' : 'FAIL',
    ]),
  )
  const limitRow = ['at most', '', small(lossError), small(weightError), small(sampleError), '']
  return table(['FILE', 'STEP', 'LOSSES', 'WEIGHTS', 'SAMPLES', ''], [...rows, limitRow], [2, 3, 4])
}
