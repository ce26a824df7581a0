// The curve as text: a line per point, which gives every float32 back to the last bit.
import { AppError, SeriesName, seriesNames } from '@kantor/contracts'
import type { StoredPoint } from '@kantor/db'

const ownColumns = ['step', 'critic_step', 'attempt', 'time'] as const
const header = [...ownColumns, ...seriesNames].join(',')

export async function* toPointsCsv(pages: AsyncIterable<StoredPoint[]>): AsyncGenerator<string> {
  yield `${header}\n`
  for await (const points of pages) yield points.map(lineOf).join('')
}

function lineOf({ step, criticStep, attempt, time, values }: StoredPoint): string {
  const at = Number.isNaN(time) ? '' : new Date(time).toISOString()
  return `${[step, criticStep, attempt, at, ...seriesNames.map((name) => decimal(values.get(name)))].join(',')}\n`
}

/** Nine digits give a float32 back exactly; NaN and the infinities by name; nothing where the series has no point. */
function decimal(value: number | undefined): string {
  if (value === undefined) return ''
  return Object.is(value, -0) ? '-0' : String(Number(value.toPrecision(9)))
}

const MAX_LINE = 16_384
const MAX_STEP = 1e9
/** Of one step to the next; what the store holds of a difference. */
const MAX_CRITIC_STEPS = 2 ** 31 - 1

export interface PointsRules {
  /** The entry, for messages. */
  name: string
  /** The job's newest attempt. */
  attempts: number
  /** A step once, and no earlier attempt above a later one; or, of what gave way, a step once per attempt. */
  effective: boolean
}

/** The points of such a text, in its order, each checked. AppError `archive-invalid` with the line. */
export async function* readPointsCsv(
  bytes: AsyncIterable<Uint8Array>,
  rules: PointsRules,
): AsyncGenerator<StoredPoint> {
  let names: SeriesName[] | undefined
  let before: StoredPoint | undefined
  let number = 0
  for await (const line of linesOf(bytes, rules.name)) {
    number += 1
    const refuse = (why: string) => new AppError('archive-invalid', `${rules.name}, line ${number}: ${why}`)
    if (names === undefined) {
      names = seriesIn(line, refuse)
      continue
    }
    const point = pointOf(line.split(','), names, refuse)
    const fault = faultOf(point, before, rules)
    if (fault !== null) throw refuse(fault)
    before = point
    yield point
  }
  if (names === undefined)
    throw new AppError('archive-invalid', `${rules.name} is empty; its first line names the columns`)
}

type Refuse = (why: string) => AppError

function seriesIn(line: string, refuse: Refuse): SeriesName[] {
  const columns = line.split(',')
  if (columns.slice(0, ownColumns.length).join() !== ownColumns.join())
    throw refuse(`the columns begin with ${ownColumns.join(', ')}`)
  const names = columns.slice(ownColumns.length)
  if (new Set(names).size !== names.length) throw refuse('names a series twice')
  return names.map((name) => {
    const known = SeriesName.safeParse(name)
    if (!known.success) throw refuse(`${JSON.stringify(name.slice(0, 64))} is no series that this release knows`)
    return known.data
  })
}

function pointOf(cells: string[], names: SeriesName[], refuse: Refuse): StoredPoint {
  if (cells.length !== ownColumns.length + names.length)
    throw refuse(`has ${cells.length} cells instead of ${ownColumns.length + names.length}`)
  const whole = (text: string) => {
    if (!/^\d{1,15}$/.test(text)) throw refuse('step, critic_step and attempt are whole numbers')
    return Number(text)
  }
  const [step, criticStep, attempt, time] = cells as [string, string, string, string]
  const at = time === '' ? Number.NaN : Date.parse(time)
  if (time !== '' && !(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time) && at >= 0))
    throw refuse('time is no moment such as 2026-01-31T00:00:00.000Z')
  const values = new Map<SeriesName, number>()
  for (const [i, name] of names.entries()) {
    const cell = cells[ownColumns.length + i]!
    if (cell !== '') values.set(name, float32(cell, refuse))
  }
  return { step: whole(step), criticStep: whole(criticStep), attempt: whole(attempt), time: at, values }
}

const finite = /^-?\d{1,40}(?:\.\d{1,60})?(?:e[+-]?\d{1,3})?$/
const byName = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

function float32(cell: string, refuse: Refuse): number {
  const named = byName.get(cell)
  if (named !== undefined) return named
  const value = Math.fround(Number(cell))
  if (!finite.test(cell) || !Number.isFinite(value)) throw refuse(`${JSON.stringify(cell.slice(0, 64))} is no float32`)
  return value
}

function faultOf(
  point: StoredPoint,
  before: StoredPoint | undefined,
  { attempts, effective }: PointsRules,
): string | null {
  const { step, criticStep, attempt } = point
  if (step < 1 || step > MAX_STEP) return `the step is not from 1 to ${MAX_STEP}`
  if (attempt < 1 || attempt > attempts) return `the job has no attempt ${attempt}`
  if (before === undefined) return null
  if (Math.abs(criticStep - before.criticStep) > MAX_CRITIC_STEPS) return 'the critic steps leap'
  if (effective && attempt < before.attempt) return `attempt ${attempt} stands above a later one`
  const isAfter = step > before.step || (!effective && step === before.step && attempt > before.attempt)
  return isAfter ? null : 'the steps do not rise'
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of bytes) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n')
    rest = lines.pop()!
    yield* lines
    if (rest.length > MAX_LINE)
      throw new AppError('archive-invalid', `${name} holds a line of more than ${MAX_LINE} characters`)
  }
  if (rest !== '') throw new AppError('archive-invalid', `${name} breaks off within a line`)
}
