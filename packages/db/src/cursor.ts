import { AppError } from '@kantor/contracts'

/** A page of a list; `nextCursor` is null on the last one. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export interface PageQuery {
  /** Items per page. */
  limit: number
  cursor?: string | undefined
}

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const weightsPattern = new RegExp(`^weights:(${uuid})$`)
const taskPattern = new RegExp(`^task:(${uuid})$`)
const auditPattern = /^audit:(\d{1,18})$/
const jobPattern = new RegExp(`^jobs:([\\w-]{12}):(inf|\\d{1,16}):(${uuid})$`)
const sweepPattern = new RegExp(`^sweep:(${uuid})$`)
const trialPattern = /^trials:(-?trial|best):(-?[\d.]{1,25}(?:e[+-]\d{1,3})?|-?Infinity):(\d{1,4})$/
const stepPattern = new RegExp(`^step:(\\d{1,10}):(${uuid})$`)

/** What the column holds. */
const MAX_INT = 2 ** 31 - 1

const encode = (text: string) => Buffer.from(text).toString('base64url')
const decode = (cursor: string, pattern: RegExp): RegExpExecArray => {
  const found = cursor.length <= 200 ? pattern.exec(Buffer.from(cursor, 'base64url').toString()) : null
  if (!found) throw notOurs()
  return found
}
const notOurs = () => new AppError('invalid-cursor', 'the cursor is not one that this list gave out; start without it')

/** Where a page of jobs ended: what its sort compares, and the id that tells equals apart. */
export interface JobPosition {
  /** A whole number: the priority, or microseconds since 1970; `inf` for a time that has not come. */
  value: string
  id: string
}
/** `purpose` are 12 characters that stand for the sort and the filter of the list. */
export const jobCursor = ({ value, id }: JobPosition, purpose: string): string =>
  encode(`jobs:${purpose}:${value}:${id}`)

/** The position as Postgres takes it. AppError `invalid-cursor`, also for one of a list with another purpose. */
export function readJobCursor(cursor: string, purpose: string, type: 'int' | 'timestamptz'): JobPosition {
  const [, madeFor, value, id] = decode(cursor, jobPattern) as unknown as [string, string, string, string]
  if (madeFor !== purpose)
    throw new AppError('invalid-cursor', 'the cursor belongs to another sort or filter; start without it')
  if (type === 'int') {
    if (value === 'inf' || Number(value) > MAX_INT) throw notOurs()
    return { value, id }
  }
  if (value === 'inf') return { value: 'infinity', id }
  const microseconds = BigInt(value)
  const seconds = new Date(Number(microseconds / 1_000_000n) * 1000).toISOString().slice(0, 19)
  return { value: `${seconds}.${String(microseconds % 1_000_000n).padStart(6, '0')}Z`, id }
}

export const weightsCursor = (id: string): string => encode(`weights:${id}`)
export const readWeightsCursor = (cursor: string): string => decode(cursor, weightsPattern)[1]!

export const taskCursor = (id: string): string => encode(`task:${id}`)
export const readTaskCursor = (cursor: string): string => decode(cursor, taskPattern)[1]!

export const sweepCursor = (id: string): string => encode(`sweep:${id}`)
export const readSweepCursor = (cursor: string): string => decode(cursor, sweepPattern)[1]!

/** Where a page of trials ended: what its sort compares first, as Postgres writes it, and the trial's number. */
export interface TrialPosition {
  value: string
  trial: number
}
export const trialCursor = ({ value, trial }: TrialPosition, sort: string): string =>
  encode(`trials:${sort}:${value}:${trial}`)
/** AppError `invalid-cursor`, also for one of another sort. */
export function readTrialCursor(cursor: string, sort: string): TrialPosition {
  const [, madeFor, value, trial] = decode(cursor, trialPattern)
  if (madeFor !== sort) throw new AppError('invalid-cursor', 'the cursor belongs to another sort; start without it')
  return { value: value!, trial: Number(trial) }
}

export const auditCursor = (id: string): string => encode(`audit:${id}`)
export const readAuditCursor = (cursor: string): string => decode(cursor, auditPattern)[1]!

export interface StepPosition {
  step: number
  id: string
}
export const stepCursor = (position: StepPosition): string => encode(`step:${position.step}:${position.id}`)
export function readStepCursor(cursor: string): StepPosition {
  const [, digits, id] = decode(cursor, stepPattern)
  const step = Number(digits)
  if (step > MAX_INT) throw notOurs()
  return { step, id: id! }
}

/** Cuts a list that was read with one item more than the page holds. */
export function toPage<Row, T>(
  rows: Row[],
  limit: number,
  convert: (row: Row) => T,
  cursor: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown.map(convert), nextCursor: rows.length > limit && last !== undefined ? cursor(last) : null }
}
