import type { Estimate, JobPlan, Lint } from '@kantor/contracts'
import { duration, size, table } from '../output.js'

/** What `kantor job submit --dry-run` shows a person. */
export function planTable({ spec, lint, estimate, waiting }: JobPlan): string {
  const { parameters, operations, memory, storage, steps, deviceClass } = estimate
  const rows = [
    ['dataset', spec.dataset],
    ['seed', String(spec.seed)],
    ['steps', `${count(steps.generator)} of the generator, ${count(steps.critic)} of the critic`],
    ['parameters', `${count(parameters.generator)} generator, ${count(parameters.critic)} critic`],
    ['operations', `${power(operations.perGeneratorStep)} per generator step, ${power(operations.total)} in all`],
    [
      'memory',
      `${size(memory.bytes)} of ${size(memory.limit.bytes)}${memory.limit.of === 'ceiling' ? ' (no worker has told)' : ''}`,
    ],
    ['', partsOf(memory.parts)],
    ['storage', storage ? size(storage.bytes) : '–'],
    ...(storage ? [['', partsOf(storage.parts)]] : []),
    ['duration', durationLine(estimate.duration, deviceClass)],
    [
      'queue',
      `${waiting.reason.replaceAll('_', ' ')}, ${waiting.jobsAhead} ahead${waiting.eta === null ? '' : `, starts about ${waiting.eta}`}`,
    ],
  ]
  return [table(['', ''], rows).trim(), ...lint.map(findingLine)].join('\n')
}

/** One finding: what, why, where it is known from, and what to write instead. */
export function findingLine({ pointer, message, citation, suggestion }: Lint): string {
  const instead = suggestion === null ? '' : `\n      instead: ${JSON.stringify(suggestion)}`
  return `note: ${pointer}: ${message}${citation === null ? '' : ` (${citation})`}${instead}`
}

const count = (value: number | null): string => (value === null ? '–' : value.toLocaleString('en-US'))
const power = (value: number | null): string => (value === null ? '–' : value.toExponential(1).replace('e+', 'e'))

const partsOf = (parts: Record<string, number>): string =>
  Object.entries(parts)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${size(bytes)}`)
    .join(', ')

function durationLine({ seconds, basis }: Estimate['duration'], deviceClass: string): string {
  if (seconds === null || basis === null) return `unknown: no attempt on a ${deviceClass} has told of a speed yet`
  if (basis.of === 'budget') return `${duration(seconds)}, when its budget of seconds ends it`
  const [least, most] = basis.range
  const attempts = `${basis.attempts} ${basis.attempts === 1 ? 'attempt' : 'attempts'}`
  const alike = basis.alike === 'networks' ? 'with such networks' : 'of other networks'
  return `${duration(seconds)} (${duration(least)} to ${duration(most)}), from ${attempts} ${alike} on a ${deviceClass}`
}
