// What can go wrong between a trainer's step and a checkpoint that is listed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { S3Settings } from '@kantor/runtime'
import {
  type ProcessStack,
  type Proxy,
  type S3Server,
  type ServiceProcess,
  startFauxqs,
  startProcessStack,
  startProxy,
  throughProxy,
} from '@kantor/testing'
import { isFull, LIMIT_MS, until, Victims } from './rig.js'

/** Where the supervisor dies. Its own checkpoints: the second is on its way when the first can be resumed from. */
const inSupervisor = isFull
  ? ['checkpoint-uploaded', 'checkpoint-row-before', 'checkpoint-row-after']
  : ['checkpoint-uploaded', 'checkpoint-row-after']
/** Where the trainer dies, with the third file that it spools: the sample of step 0 is the first, a checkpoint the second. */
const inTrainer = isFull ? ['spool-file-written', 'spool-file-renamed'] : ['spool-file-renamed']

describe('the commit of a checkpoint, objects on S3, tickets in postgres', () => {
  let s3: S3Server
  let wire: Proxy
  let stack: ProcessStack
  let victims: Victims
  let worker: ServiceProcess
  beforeAll(async () => {
    s3 = await startFauxqs()
    wire = await startProxy(Number(new URL(s3.settings.endpoint).port))
    const settings: S3Settings = { ...s3.settings, endpoint: throughProxy(s3.settings.endpoint, wire) }
    stack = await startProcessStack({ s3: settings })
    worker = stack.workers[0]!
    victims = new Victims(stack)
    await victims.undisturbed()
  }, LIMIT_MS)
  // Every listed checkpoint is read back and hashed here, and the last weights are those of the undisturbed run.
  afterEach(async () => {
    await victims.expectInvariants()
  }, LIMIT_MS)
  afterAll(async () => {
    await stack?.stop()
    await wire?.stop()
    await s3?.stop()
  }, LIMIT_MS)

  test.each(inSupervisor)(
    'F22: kill -9 of the supervisor at %s: what is listed is whole, and the job ends with the same bits',
    async (point) => {
      expect(await worker.stop()).toBe(0)
      await worker.start({ KANTOR_CRASH_AT: `${point}:2` })
      const { id } = await victims.submit(`F22 ${point}`)

      expect(await worker.ended()).toBe('SIGKILL')
      expect((await victims.look(id)).checkpoints).toBe(point === 'checkpoint-row-after' ? 2 : 1)
      await worker.start()

      await victims.end(id)
      expect((await victims.look(id)).epoch).toBe(2)
    },
    LIMIT_MS,
  )

  test.each(inTrainer)(
    'F22: kill -9 of the trainer at %s: what is listed is whole, and the job ends with the same bits',
    async (point) => {
      expect(await worker.stop()).toBe(0)
      await worker.start({ KANTOR_CRASH_AT: `${point}:3` })
      const { id } = await victims.submit(`F22 ${point}`)

      await until(async () => (await victims.look(id)).reason === 'trainer_killed')
      expect((await victims.look(id)).checkpoints).toBe(1)
      expect(await worker.stop()).toBe(0)
      await worker.start()

      await victims.end(id)
    },
    LIMIT_MS,
  )

  test(
    'F21: SIGTERM and then SIGKILL in mid upload: no half checkpoint is listed, the one before is used',
    async () => {
      const { id } = await victims.submit('F21')
      await victims.underway(id)
      // Uploads hang from here on, and training stands still once its spool is full.
      wire.stall()
      const { checkpoints } = await victims.look(id)
      worker.signal('SIGTERM')
      const gone = await Promise.race([worker.ended(), after(5000)])
      expect(gone).toBe('still there')

      await worker.kill()
      await wire.mend()
      expect((await victims.look(id)).checkpoints).toBeLessThanOrEqual(checkpoints + 1)
      await worker.start()

      await victims.end(id)
      expect((await victims.look(id)).epoch).toBe(2)
    },
    LIMIT_MS,
  )
})

const after = (ms: number) => new Promise<string>((resolve) => setTimeout(resolve, ms, 'still there'))
