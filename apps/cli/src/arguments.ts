import { JobState } from '@kantor/contracts'
import { InvalidArgumentError } from 'commander'

/** Reads an option's value as a whole number in a range. */
export const wholeNumber =
  (low: number, high: number) =>
  (value: string): number => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < low || number > high) {
      throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`)
    }
    return number
  }

/** `a.b=1` into `{a: {b: 1}}`; what is not JSON is text. */
export function change(given: string, before: Record<string, unknown>): Record<string, unknown> {
  const [, path = '', text = ''] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(given) ?? []
  if (path === '') throw new InvalidArgumentError('It must read key=value, such as batchSize=32.')
  const keys = path.split('.')
  const last = keys.pop()!
  let at = before
  for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>
  at[last] = parsed(text)
  return before
}

/** JSON where it is some, else the text itself. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Reads states of jobs with commas between. */
export function states(value: string): JobState[] {
  const read = JobState.array().safeParse(value.split(','))
  if (!read.success) throw new InvalidArgumentError(`States are: ${JobState.options.join(', ')}.`)
  return read.data
}
