import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type ProcessStack, startProcessStack } from '@kantor/testing'
import { LIMIT_MS, Victims } from './rig.js'

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
    'F30: a rolling exchange of workers in mid training, and a checkpoint of a release to come, lose nothing and guess nothing',
    async () => {
      const [worker] = stack.workers
      const { id } = await victims.submit('F30')
      await victims.underway(id)
      expect(await worker!.stop()).toBe(0)
      const newest = await fromTheFuture(id)

      const successor = stack.newWorker()
      await successor.start()
      await victims.end(id)

      // Refused by name, and training went on from one that this release reads.
      const refusal = successor.lines.find(({ msg }) => msg.includes('format version 99'))
      expect(refusal).toMatchObject({ kind: 'checkpoint' })
      const resumed = successor.lines.filter(({ msg, jobId }) => msg === 'training' && jobId === id).at(-1)
      expect(Number(resumed!['step'])).toBeLessThan(newest)
      await victims.expectInvariants()
    },
    LIMIT_MS,
  )

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
