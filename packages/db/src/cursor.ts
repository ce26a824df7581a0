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
const jobPattern = new RegExp(`^job:(${uuid})$`)
const taskPattern = new RegExp(`^task:(${uuid})$`)
const auditPattern = /^audit:(\d{1,18})$/
const stepPattern = new RegExp(`^step:(\\d{1,10}):(${uuid})$`)

/** What the column holds. */
const MAX_STEP = 2 ** 31 - 1

const encode = (text: string) => Buffer.from(text).toString('base64url')
const decode = (cursor: string, pattern: RegExp): RegExpExecArray => {
  const found = cursor.length <= 200 ? pattern.exec(Buffer.from(cursor, 'base64url').toString()) : null
  if (!found) throw notOurs()
  return found
}
const notOurs = () => new AppError('invalid-cursor', 'the cursor is not one that this list gave out; start without it')

export const jobCursor = (id: string): string => encode(`job:${id}`)
export const readJobCursor = (cursor: string): string => decode(cursor, jobPattern)[1]!

export const taskCursor = (id: string): string => encode(`task:${id}`)
export const readTaskCursor = (cursor: string): string => decode(cursor, taskPattern)[1]!

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
  if (step > MAX_STEP) throw notOurs()
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
