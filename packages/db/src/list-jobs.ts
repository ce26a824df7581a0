// `GET /jobs`: filters, sorts and pages over the `job` table.
import { createHash } from 'node:crypto'
import type { Job, JobListQuery } from '@kantor/contracts'
import { type JobPosition, jobCursor, type Page, readJobCursor, toPage } from './cursor.js'
import { type Database, query } from './database.js'
import { jobColumns, type JobRow, toJob } from './job-row.js'

export type JobFilter = Partial<
  Pick<
    JobListQuery,
    'state' | 'health' | 'key' | 'sweepId' | 'tag' | 'q' | 'metric' | 'createdAfter' | 'createdBefore' | 'archived'
  >
>
export type ListJobs = JobFilter & Pick<JobListQuery, 'limit'> & Partial<Pick<JobListQuery, 'sort' | 'cursor'>>

/** What a sort compares, the type of that, and how it is written into a cursor: exact, and the same on every client. */
const sorts = {
  createdAt: { key: 'created_at', type: 'timestamptz' },
  finishedAt: { key: `coalesce(finished_at, 'infinity')`, type: 'timestamptz' },
  priority: { key: 'priority', type: 'int' },
} as const
const asText = (key: string, type: string) =>
  type === 'int'
    ? `${key}::text`
    : `CASE ${key} WHEN 'infinity' THEN 'inf' ELSE (extract(epoch FROM ${key}) * 1000000)::bigint::text END`

/** A page of the jobs that meet every criterion. AppError `invalid-cursor` for a cursor of another list, sort or filter. */
export async function listJobs(
  db: Database,
  { limit, sort = '-createdAt', cursor, ...filter }: ListJobs,
): Promise<Page<Job>> {
  const { key, type } = sorts[sort.replace('-', '') as keyof typeof sorts]
  const [beyond, direction] = sort.startsWith('-') ? ['<', 'DESC'] : ['>', 'ASC']
  const purpose = fingerprint(sort, filter)
  const where = new Where(filter)
  if (cursor !== undefined) {
    const { value, id } = readJobCursor(cursor, purpose, type)
    where.add(`(${key}, id) ${beyond} (${where.bind(value)}::${type}, ${where.bind(id)}::uuid)`)
  }
  const rows = await query<JobRow & JobPosition>(
    db,
    `SELECT ${jobColumns}, ${asText(key, type)} AS value FROM job ${where.sql}
     ORDER BY ${key} ${direction}, id ${direction} LIMIT ${limit + 1}`,
    where.values,
  )
  return toPage(rows, limit, toJob, (row) => jobCursor(row, purpose))
}

/** How many jobs meet every criterion. */
export async function countJobs(db: Database, filter: JobFilter): Promise<number> {
  const where = new Where(filter)
  const rows = await query<{ n: number }>(db, `SELECT count(*)::int AS n FROM job ${where.sql}`, where.values)
  return rows[0]!.n
}

/** What a cursor belongs to. */
const fingerprint = (sort: string, filter: JobFilter): string =>
  createHash('sha256')
    .update(JSON.stringify([sort, Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1))]))
    .digest('base64url')
    .slice(0, 12)

/** As the index on it has it. */
const words = `to_tsvector('simple', regexp_replace(name || ' ' || notes, '[^[:alnum:]]+', ' ', 'g'))`
const prefixes = (q: string): string =>
  q
    .match(/[\p{L}\p{N}]+/gu)!
    .map((word) => `'${word}':*`)
    .join(' & ')

/** The criteria as SQL; values travel beside it. */
class Where {
  readonly values: unknown[] = []
  readonly #conditions: string[] = []

  constructor(filter: JobFilter) {
    const {
      state,
      health,
      key,
      sweepId,
      tag = [],
      q,
      metric = [],
      createdAfter,
      createdBefore,
      archived = 'false',
    } = filter
    if (archived !== 'all') this.add(`archived_at IS ${archived === 'true' ? 'NOT NULL' : 'NULL'}`)
    if (state) this.add(`state = ANY(${this.bind(state)})`)
    if (health) this.add(`health ->> 'state' = ANY(${this.bind(health)})`)
    if (key !== undefined) this.add(`key_id IN (SELECT id FROM api_key WHERE ${this.bind(key)} IN (id, name))`)
    if (sweepId !== undefined) this.add(`sweep_id = ${this.bind(sweepId)}`)
    for (const { key: name, value, wanted } of tag) {
      const holds = value === undefined ? `tags ? ${this.bind(name)}` : `tags @> ${this.bind({ [name]: value })}`
      this.add(wanted ? holds : `NOT (${holds})`)
    }
    if (q !== undefined) this.add(`${words} @@ to_tsquery('simple', ${this.bind(prefixes(q))})`)
    for (const { series, comparison, value } of metric)
      this.add(`(progress -> 'latest' ->> '${series}')::float8 ${comparison} ${this.bind(value)}`)
    if (createdAfter !== undefined) this.add(`created_at > ${this.bind(createdAfter)}`)
    if (createdBefore !== undefined) this.add(`created_at < ${this.bind(createdBefore)}`)
  }

  bind(value: unknown): string {
    return `$${this.values.push(value)}`
  }
  add(condition: string): void {
    this.#conditions.push(condition)
  }
  get sql(): string {
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`
  }
}
