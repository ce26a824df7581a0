import { table } from '../output.js'
import { deviation, type Experiment, type Finding } from './experiment.js'

/** An experiment, and what came of it. */
export interface Result {
  name: string
  question: string
  claim: string
  source: string
  /** Of arithmetic, or of the machine while the experiment's jobs trained. */
  seconds: number
  /** Every finding agrees, and there are some. */
  pass: boolean
  findings: (Finding & { pass: boolean })[]
  /** SVG. */
  picture?: string
  /** Why there are no findings. */
  error?: string
}

type Came = Pick<Result, 'seconds' | 'picture' | 'error'> & { findings: Finding[] }

export function resultOf({ name, question, claim, source }: Experiment, came: Came): Result {
  const findings = came.findings.map((finding) => ({ ...finding, pass: deviation(finding) <= 1 }))
  const pass = findings.length > 0 && findings.every((finding) => finding.pass)
  return { name, question, claim, source, ...came, pass, findings }
}

/** For a terminal. */
export function report({ name, claim, source, seconds, findings, error }: Result): string {
  const body = error === undefined ? table(['', ...columns], findings.map(row), [1, 2, 3]) : `FAILED: ${error}`
  return `${name}  (${seconds.toFixed(1)} s)\n${claim}\n${source}\n\n${body}\n`
}

/** A page of the documentation; its picture is `<name>.svg` beside it. */
export function page({ name, question, claim, source, findings, picture }: Result, command: string): string {
  const head = ['what', 'truth', 'measured', 'tolerance', 'verdict']
  const rows = [head, ['---', '--:', '--:', '--:', '---'], ...findings.map(row)]
  const lines = rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  return (
    [
      `# ${name}`,
      `**${question}**`,
      claim,
      ...(picture === undefined ? [] : [`![${question}](${name}.svg)`]),
      lines.join('\n'),
      `Source: ${source}.`,
      `Measured by \`${command}\`.`,
    ].join('\n\n') + '\n'
  )
}

const columns = ['TRUTH', 'MEASURED', 'TOLERANCE', '']

const row = ({ name, truth, measured, tolerance, relation = 'within', pass }: Result['findings'][number]): string[] => [
  name,
  `${signs[relation]}${digits(truth)}`,
  digits(measured),
  relation === 'within' ? `± ${digits(tolerance)}` : relation === 'factor' ? `× ${digits(tolerance)}` : '',
  pass ? 'agrees' : 'MISSES',
]

const signs = { within: '', factor: '', 'at-least': '≥ ', 'at-most': '≤ ' } as const

const digits = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : '∞')
