import { Command } from 'commander'
import { exitCodes, Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { deviation, type Experiment, type Finding } from '../paper/experiment.js'

interface Result {
  name: string
  claim: string
  source: string
  seconds: number
  findings: (Finding & { pass: boolean })[]
}

/** `kantor paper [name]`: claims of the paper, measured. */
export function paper(): Command {
  return new Command('paper')
    .description('Measure claims of the WGAN paper against their known truths. Exit 1 when one misses')
    .argument('[name...]', 'experiments to run (default: all)')
    .option('--json', 'one JSON document on stdout')
    .action(async (names: string[], options: { json?: boolean }) => {
      const { experiments } = await import('../paper/index.js')
      const results = select(experiments, names).map(measure)
      // One bar per experiment: its worst finding, in tolerances.
      const bars = results.map(({ name, findings }) => {
        const value = Math.max(...findings.map(deviation))
        return { name, value, op: '<=' as const, limit: 1, pass: value <= 1 }
      })
      if (options.json) printJson({ experiments: results, bars })
      else for (const result of results) print(report(result))
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

function measure({ name, claim, source, run }: Experiment): Result {
  note(`kantor: ${name}`)
  const startedAt = performance.now()
  const findings = run().map((finding) => ({ ...finding, pass: deviation(finding) <= 1 }))
  return { name, claim, source, seconds: (performance.now() - startedAt) / 1000, findings }
}

function report({ name, claim, source, seconds, findings }: Result): string {
  const rows = findings.map(({ name: what, truth, measured, tolerance, pass }) => [
    what,
    digits(truth),
    digits(measured),
    digits(tolerance),
    pass ? 'agrees' : 'MISSES',
  ])
  const head = ['', 'TRUTH', 'MEASURED', 'TOLERANCE', '']
  return `${name}  (${seconds.toFixed(1)} s)\n${claim}\n${source}\n\n${table(head, rows, [1, 2, 3])}\n`
}

const digits = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : '∞')
