import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { exitCodes, Failure } from '../failure.js'
import { duration, note, print, printJson } from '../output.js'
import { deviation, type Experiment, isTraining, type Training } from '../paper/experiment.js'
import type { Lab } from '../paper/lab.js'
import { page, report, type Result, resultOf } from '../paper/report.js'

interface Options {
  fast?: boolean
  json?: boolean
  pages?: string
}

/** `kantor paper [name…]`: claims of the paper and its successors, measured. */
export function paper(): Command {
  return new Command('paper')
    .description(
      'Measure claims of the WGAN paper against their known truths, on a service of its own where that takes training. Exit 1 when one misses',
    )
    .argument('[name...]', 'experiments to run (default: all)')
    .option('--fast', 'shorter trainings and fewer seeds')
    .option('--pages <directory>', 'write a page of every experiment, with its picture')
    .option('--json', 'one JSON document on stdout')
    .action(async (names: string[], options: Options) => {
      const { experiments } = await import('../paper/index.js')
      const fast = options.fast ?? false
      // As each is there: a run that is interrupted keeps what it has measured.
      const tell = async (result: Result) => {
        if (!options.json) print(report(result))
        if (options.pages !== undefined) await savePage(result, fast, resolve(options.pages))
      }
      const results = await measureAll(select(experiments, names), fast, tell)
      // One bar per experiment: its worst finding, in tolerances.
      const bars = results.map(({ name, findings, pass }) => {
        const value = findings.length > 0 ? Math.max(...findings.map(deviation)) : Infinity
        return { name, value, op: '<=' as const, limit: 1, pass }
      })
      const told = results.map((result) => ({ ...result, picture: undefined }))
      if (options.json) printJson({ experiments: told, bars })
      if (bars.some((bar) => !bar.pass)) process.exit(exitCodes.failed)
    })
}

function select(experiments: readonly Experiment[], names: string[]): readonly Experiment[] {
  const unknown = names.find((name) => !experiments.some((experiment) => experiment.name === name))
  if (unknown !== undefined) {
    const known = experiments.map((experiment) => experiment.name).join(', ')
    throw new Failure('usage', `there is no experiment ${unknown}; there are ${known}`)
  }
  return names.length === 0 ? experiments : experiments.filter((experiment) => names.includes(experiment.name))
}

/** Calculations one after the other; then all trainings at once, whose jobs wait for each other in the lab's queue. */
async function measureAll(
  chosen: readonly Experiment[],
  fast: boolean,
  tell: (result: Result) => Promise<void>,
): Promise<Result[]> {
  const results: Result[] = []
  const add = (result: Result) => {
    results.push(result)
    return tell(result)
  }
  for (const experiment of chosen) if (!isTraining(experiment)) await add(calculate(experiment))
  const trainings = chosen.filter((experiment) => isTraining(experiment))
  if (trainings.length === 0) return results
  const { withLab } = await import('../paper/lab.js')
  await withLab(fast, (openLab) => Promise.all(trainings.map(async (one) => add(await train(one, openLab())))))
  return results
}

function calculate(experiment: Exclude<Experiment, Training>): Result {
  note(`kantor: ${experiment.name}`)
  const startedAt = performance.now()
  const findings = experiment.run()
  const seconds = (performance.now() - startedAt) / 1000
  return resultOf(experiment, { seconds, findings, ...(experiment.picture && { picture: experiment.picture() }) })
}

async function train(experiment: Training, lab: Lab): Promise<Result> {
  try {
    const outcome = await experiment.train(lab)
    note(`kantor: ${experiment.name} is measured, after ${duration(lab.seconds)} of training`)
    return resultOf(experiment, { seconds: lab.seconds, ...outcome })
  } catch (error) {
    // A job that fails is one experiment's misfortune; an interruption ends them all.
    if (!(error instanceof Failure) || error.exit !== 'failed') throw error
    note(`kantor: ${experiment.name}: ${error.message}`)
    return resultOf(experiment, { seconds: lab.seconds, findings: [], error: error.message })
  }
}

async function savePage(result: Result, fast: boolean, directory: string): Promise<void> {
  const { name, picture, error } = result
  if (error !== undefined) return
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, `${name}.md`), page(result, `kantor paper ${name}${fast ? ' --fast' : ''}`))
  if (picture !== undefined) await writeFile(join(directory, `${name}.svg`), picture)
}
