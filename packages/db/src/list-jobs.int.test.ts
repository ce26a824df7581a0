import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { JobListQuery, JobSort } from '@kantor/contracts'
import { startServices } from '@kantor/testing'
import { claim, openTestDatabase, postgresOnly, submit, type TestDatabase } from '../tests/fixtures.js'
import { countJobs, createKey, type Database, finishAttempt, listJobs, renewLease } from './index.js'

let opened: TestDatabase
let db: Database
beforeAll(async () => {
  opened = await openTestDatabase(await startServices(postgresOnly))
  db = opened.db
})
afterAll(() => opened.stop())

/** As the route reads it. */
const ask = (query: Record<string, string | string[]>) => {
  const { fields: _, includeTotal: __, ...options } = JobListQuery.parse(query)
  return options
}
const names = async (query: Record<string, string | string[]>) => {
  const options = ask(query)
  const { items } = await listJobs(db, options)
  expect(await countJobs(db, options)).toBe(items.length)
  return items.map(({ name }) => name).toSorted()
}

describe('filters', () => {
  beforeAll(async () => {
    await db.pool.query('TRUNCATE job CASCADE')
    const { id: keyId } = await createKey(db, { name: 'anna', scope: 'submit' })
    await submit(db, { name: 'lr-0.001 plain', tags: { run: '1', group: 'a' }, keyId })
    await submit(db, { name: 'lr-0.01 PENALTY', tags: { run: '2', group: 'a' }, notes: 'as in the second paper' })
    await submit(db, { name: 'other', tags: { '50%_off': 'x' } })
    const running = await submit(db, { name: 'running', tags: { run: '2' } })
    const { fence } = await claim(db, running)
    const progress = {
      step: 1,
      totalSteps: 9,
      criticSteps: 5,
      epoch: 0,
      stepsPerSecond: 1,
      etaSeconds: 1,
      wEstimate: 0.25,
    }
    await renewLease(db, fence, {
      leaseSeconds: 60,
      progress: { ...progress, latest: { w_estimate: 0.25, gen_loss: -1e-3, critic_loss: null } },
    })
  })

  test.each<[Record<string, string | string[]>, string[]]>([
    [{}, ['lr-0.001 plain', 'lr-0.01 PENALTY', 'other', 'running']],
    [{ state: 'starting,failed' }, ['running']],
    [{ key: 'anna' }, ['lr-0.001 plain']],
    [{ key: 'nobody' }, []],
    [{ tag: 'run' }, ['lr-0.001 plain', 'lr-0.01 PENALTY', 'running']],
    [{ tag: ['run=2', '-group'] }, ['running']],
    [{ tag: '-group=a' }, ['other', 'running']],
    [{ tag: '50%_off=x' }, ['other']],
    [{ q: 'LR 0.001' }, ['lr-0.001 plain']],
    [{ q: 'penal' }, ['lr-0.01 PENALTY']],
    [{ q: 'enalty' }, []],
    [{ q: "paper' | 'x" }, []],
    [{ q: 'second PAPER lr' }, ['lr-0.01 PENALTY']],
    [{ metric: 'w_estimate.last<0.5' }, ['running']],
    [{ metric: ['w_estimate.last>=0.25', 'gen_loss.last<-9e-4'] }, ['running']],
    [{ metric: 'w_estimate.last<0.25' }, []],
    [{ metric: 'critic_loss.last<1' }, []],
    [{ createdAfter: '2020-01-01T00:00:00+02:00', createdBefore: '2021-01-01T00:00:00Z' }, []],
    [{ createdAfter: '2020-01-01T00:00:00Z', createdBefore: '9999-12-31T23:59:59Z', q: 'other' }, ['other']],
    [{ archived: 'true' }, []],
  ])('%j', async (query, expected) => {
    expect(await names(query)).toEqual(expected)
  })
})

async function everyPage(sort: JobSort, limit: number) {
  const found = []
  let cursor: string | undefined
  do {
    const page = await listJobs(db, { sort, limit, cursor })
    found.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return found
}

describe('pages', () => {
  const priorities = [5, 1, 5, 3, 1, 5, 2]
  beforeAll(async () => {
    await db.pool.query('TRUNCATE job CASCADE')
    // Three of one moment, so that only the id tells them apart.
    for (const priority of priorities) await submit(db, { name: String(priority), priority })
    await db.pool.query(`UPDATE job SET created_at = (SELECT min(created_at) FROM job) WHERE priority = 5`)
    for (const job of (await listJobs(db, { limit: 3 })).items) {
      const { fence } = await claim(db, job)
      await finishAttempt(db, fence, { to: 'failed', reason: 'diverged' })
    }
  })

  test.each(JobSort.options)('by %s hold every job once, in the order of the whole list', async (sort) => {
    const whole = (await listJobs(db, { sort, limit: 200 })).items
    expect(whole).toHaveLength(priorities.length)
    for (const limit of [1, 2, 3]) expect(await everyPage(sort, limit)).toEqual(whole)

    const field = sort.replace('-', '') as 'createdAt' | 'finishedAt' | 'priority'
    const keys = whole.map((job) => job[field] ?? '9999')
    const ascending = sort.startsWith('-') ? keys.toReversed() : keys
    expect(ascending).toEqual(ascending.toSorted())
  })

  test('a cursor is good for its own sort and filter only', async () => {
    const cursor = (await listJobs(db, { limit: 2, q: '5' })).nextCursor!
    expect((await listJobs(db, { limit: 1, q: '5', cursor })).items).toHaveLength(1)

    const others = [{ q: '1' }, { q: '5', sort: 'createdAt' }, { q: '5', state: ['queued'] }, {}] as const
    for (const other of others) {
      const { sort, ...filter } = { sort: undefined, ...other } as { sort?: JobSort }
      await expect(listJobs(db, { ...filter, ...(sort && { sort }), limit: 1, cursor })).rejects.toMatchObject({
        code: 'invalid-cursor',
      })
    }
  })

  test('a forged cursor is refused, whatever it holds', async () => {
    const [purpose = ''] = Buffer.from((await listJobs(db, { limit: 1 })).nextCursor!, 'base64url')
      .toString()
      .split(':')
      .slice(1)
    const id = '0198c0de-0000-7000-8000-000000000001'
    const forged = (value: string) => Buffer.from(`jobs:${purpose}:${value}:${id}`).toString('base64url')
    expect((await listJobs(db, { limit: 1, cursor: forged('9999999999999999') })).items).toHaveLength(1)
    for (const value of ['-1', '1e9', '99999999999999999', '', 'NaN'])
      await expect(listJobs(db, { limit: 1, cursor: forged(value) })).rejects.toMatchObject({ code: 'invalid-cursor' })
  })
})

describe('with 20 000 jobs', () => {
  const plans = new Map<string, string>()
  beforeAll(async () => {
    await db.pool.query('TRUNCATE job CASCADE')
    const { id: keyId } = await createKey(db, { name: 'rare', scope: 'submit' })
    const job = await submit(db, { name: 'the one that is sought', keyId, tags: { rare: '1' } })
    await db.pool.query(
      `INSERT INTO job (id, name, tags, notes, priority, device, state, reason, spec, lint, created_at, finished_at)
       SELECT gen_random_uuid(), 'job ' || i, jsonb_build_object('run', i::text), '', 1 + i % 1000, device, 'succeeded', 'budget_reached',
         spec, lint, now() - i * interval '1 minute', now() - i * interval '30 seconds'
       FROM job, generate_series(1, 20000) AS i WHERE id = $1`,
      [job.id],
    )
    await db.pool.query('VACUUM ANALYZE job')
    // The plan of every statement that a list sends.
    const query = db.pool.query.bind(db.pool) as (statement: { text: string }) => Promise<{ rows: object[] }>
    const explaining = {
      ...db,
      pool: Object.assign(Object.create(db.pool) as typeof db.pool, {
        query: async (statement: { text: string }) => {
          const { rows } = await query({ ...statement, text: `EXPLAIN ${statement.text}` })
          plans.set('newest', rows.map((row) => Object.values(row)[0] as string).join('\n'))
          return query(statement)
        },
      }),
    }
    explain = async (given) => {
      await listJobs(explaining, ask(given))
      return plans.get('newest')!
    }
  })
  let explain: (query: Record<string, string | string[]>) => Promise<string>

  test.each<Record<string, string>>([
    ...JobSort.options.map((sort) => ({ sort })),
    { key: 'rare' },
    { tag: 'rare' },
    { tag: 'run=777' },
    { q: 'sought' },
    { state: 'queued' },
    { state: 'queued', sort: 'priority' },
    { createdAfter: '2001-01-01T00:00:00Z', createdBefore: '2001-01-02T00:00:00Z' },
    { metric: 'w_estimate.last<0.5' },
  ])('%j is answered from an index', async (query) => {
    const plan = await explain(query)
    expect(plan).toContain('Index')
    expect(plan).not.toMatch(/Seq Scan on job\b/)
  })
})
