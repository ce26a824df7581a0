// An object store that answers, and answers badly.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import {
  checkInvariants,
  type ProcessStack,
  type S3Fault,
  type S3Faults,
  type S3Server,
  startFauxqs,
  startProcessStack,
  startS3Faults,
} from '@kantor/testing'
import { isFull, LIMIT_MS, until, Victims } from './rig.js'

/** What the matrix says, or just long enough for the client's own retries to give up. */
const OUTAGE_MS = isFull ? 30_000 : 5_000

const outages: [string, S3Fault][] = [
  ['answers 500', { kind: 'status', code: 500 }],
  ['answers 503', { kind: 'status', code: 503 }],
  ['thinks about every request', { kind: 'slow', seconds: isFull ? 30 : 3 }],
  ['breaks the connection in the middle of a body', { kind: 'reset' }],
]

describe('an S3 server, tickets in postgres,', () => {
  let s3: S3Server
  let faults: S3Faults
  let stack: ProcessStack
  let victims: Victims
  beforeAll(async () => {
    s3 = await startFauxqs()
    faults = await startS3Faults(s3.settings.endpoint)
    stack = await startProcessStack({ s3: { ...s3.settings, endpoint: faults.endpoint } })
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  // Every listed checkpoint is read back and hashed here, and the last weights are those of the undisturbed run.
  afterEach(async () => {
    faults.commit(null)
    await victims.expectInvariants()
  }, LIMIT_MS)
  afterAll(async () => {
    await stack?.stop()
    await faults?.stop()
    await s3?.stop()
  }, LIMIT_MS)

  test.each(outages)(
    'F23: that %s while a checkpoint is uploaded: the attempt lives on, uploads later and ends with the same bits',
    async (_what, fault) => {
      const { id } = await victims.submit('F23')
      await victims.underway(id)

      faults.commit(fault)
      await until(() => faults.met > 0)
      await sleep(OUTAGE_MS)
      expect(await victims.look(id)).toMatchObject({ epoch: 1, crashes: 0 })
      faults.commit(null)

      await victims.end(id)
      expect(await victims.look(id)).toMatchObject({ epoch: 1, crashes: 0 })
    },
    LIMIT_MS,
  )

  test(
    'F24: that gets objects with a flipped bit: none of them is listed, and the attempt uploads them again',
    async () => {
      const { id } = await victims.submit('F24 in')
      await victims.underway(id)

      faults.commit({ kind: 'flip', way: 'in' })
      await until(() => faults.met > 2)
      // While it goes on: what is listed can be read and has its hash.
      expect(await checkInvariants(stack.db, stack.store, { acknowledged: [id] })).toEqual([])
      faults.commit(null)

      await victims.end(id)
      expect(await victims.look(id)).toMatchObject({ epoch: 1, crashes: 0 })
    },
    LIMIT_MS,
  )

  test(
    'F24: that hands out a checkpoint with a flipped bit: it is not trained from, and the job ends with the same bits',
    async () => {
      const { id } = await victims.submit('F24 out')
      await victims.underway(id)
      const worker = stack.workers[0]!
      expect(await worker.stop()).toBe(0)
      faults.commit({ kind: 'flip', way: 'out' })
      await worker.start()
      await until(() => faults.met > 0)
      faults.commit(null)

      await victims.end(id)
      expect((await victims.look(id)).epoch).toBeGreaterThan(1)
    },
    LIMIT_MS,
  )
})
