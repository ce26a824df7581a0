import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { childrenOf, type ProcessStack, startProcessStack } from '@kantor/testing'
import { isFull, LIMIT_MS, until, Victims } from './rig.js'

/** Three without progress would end it. */
const CRASHES = isFull ? 20 : 4
/** Some seconds of training between two crashes, with many checkpoints. */
const STEPS_PER_LIFE = 150

describe('a job whose worker and trainer die again and again, tickets in postgres', () => {
  let stack: ProcessStack
  let victims: Victims
  beforeAll(async () => {
    stack = await startProcessStack()
    victims = new Victims(stack)
  }, LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  test(
    `F15: kill -9 of both, ${CRASHES} times, each after a checkpoint: the job succeeds, and no crash counts against it`,
    async () => {
      const worker = stack.workers[0]!
      const generatorSteps = CRASHES * STEPS_PER_LIFE
      const { id } = await victims.submit('F15', { generatorSteps, checkpointEvery: 25 })
      for (let crash = 1; crash <= CRASHES; crash++) {
        await until(async () => {
          const now = await victims.look(id)
          return now.epoch === crash && now.state === 'running' && (await newestEpoch(id)) === crash
        })
        const trainers = childrenOf(worker.pid!)
        expect(trainers).toHaveLength(1)
        const died = worker.kill()
        for (const pid of trainers) process.kill(pid, 'SIGKILL')
        await died
        await worker.start()
      }

      await victims.end(id)
      expect(await victims.look(id)).toMatchObject({ epoch: CRASHES + 1, crashes: 0 })
      await victims.expectInvariants()
    },
    2 * LIMIT_MS,
  )

  /** Of the newest checkpoint; 0 without one. */
  async function newestEpoch(id: string): Promise<number> {
    const sql = 'SELECT coalesce(max(epoch), 0)::int AS epoch FROM checkpoint WHERE job_id = $1'
    return (await stack.db.pool.query<{ epoch: number }>(sql, [id])).rows[0]!.epoch
  }
})
