import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { isTerminal } from '@kantor/contracts'
import { checkInvariants, type ProcessStack, startProcessStack } from '@kantor/testing'
import { LIMIT_MS, splitByWork, until, Victims } from './rig.js'

describe('workers of two releases', () => {
  let stack: ProcessStack
  let victims: Victims
  beforeAll(async () => {
    stack = await startProcessStack({ workers: 1 })
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  test(
    'F30: workers are exchanged one for another in mid training, and the job goes on to the same bits',
    async () => {
      const successor = stack.newWorker()
      await successor.start()
      const { id } = await victims.submit('F30')
      await victims.underway(id)
      const { busy } = splitByWork([...stack.workers, successor])

      expect(await busy.stop()).toBe(0)

      await victims.end(id)
      expect(await victims.look(id)).toMatchObject({ epoch: 2, crashes: 0 })
      await victims.expectInvariants()
      await busy.start()
      expect(await successor.stop()).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    'F30: a checkpoint of a release to come is refused by name: no step is trained on a guess, and the checkpoint stays as it is',
    async () => {
      const [worker] = stack.workers
      const { id } = await victims.submit('F30 future')
      await victims.underway(id)
      expect(await worker!.stop()).toBe(0)
      const step = await fromTheFuture(id)
      const before = await curveEnd(id)

      await worker!.start()
      const job = await until(async () => {
        const found = await stack.client.getJob({ params: { id } })
        return isTerminal(found.state) && found
      })

      expect(job).toMatchObject({ state: 'failed', reason: 'incompatible_checkpoint' })
      expect(job.message).toContain('format version 99')
      const { items } = await stack.client.listCheckpoints({ params: { id } })
      expect(items[0]).toMatchObject({ step, quarantined: false })
      expect(await curveEnd(id)).toBe(before)
      const { db, store } = stack
      expect(await checkInvariants(db, store, { acknowledged: [id], settled: true, bitwise: true })).toEqual([])
    },
    LIMIT_MS,
  )

  async function curveEnd(id: string): Promise<number> {
    const sql = 'SELECT max(last_step) AS last FROM curve_segment WHERE job_id = $1'
    return (await stack.db.pool.query<{ last: number }>(sql, [id])).rows[0]!.last
  }

  /** Makes the job's newest checkpoint one of a format that nobody knows yet; answers its step. */
  async function fromTheFuture(id: string): Promise<number> {
    const { rows } = await stack.db.pool.query<{ id: string; key: string; step: number }>(
      'SELECT id, key, step FROM checkpoint WHERE job_id = $1 ORDER BY step DESC LIMIT 1',
      [id],
    )
    const { key, step, id: checkpoint } = rows[0]!
    const bytes = Buffer.from(await stack.store.getBytes(key))
    const length = Number(bytes.readBigUInt64LE())
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, Record<string, string>>
    header['__metadata__']!['formatVersion'] = '99'
    const changed = Buffer.from(JSON.stringify(header))
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(changed.length))
    const body = Buffer.concat([prefix, changed, bytes.subarray(8 + length)])
    const sha256 = createHash('sha256').update(body).digest('hex')
    await stack.store.put(`${key}-99`, body, { contentType: 'application/octet-stream', sha256 })
    await stack.db.pool.query('UPDATE checkpoint SET key = $2, sha256 = $3, size_bytes = $4 WHERE id = $1', [
      checkpoint,
      `${key}-99`,
      sha256,
      body.length,
    ])
    return step
  }
})
