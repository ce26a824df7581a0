import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { isTerminal, type JobState, reproducibleNames } from '@kantor/contracts'
import { eachPoint } from '@kantor/db'
import {
  checkInvariants,
  childrenOf,
  type ProcessStack,
  seededRandom,
  smallJob,
  startProcessStack,
  weightsHash,
} from '@kantor/testing'
import { isFull, LIMIT_MS, until } from './rig.js'

const optimizers = { rmsprop: { kind: 'rmsprop' }, adam: { kind: 'adam', beta1: 0.5, beta2: 0.999 } } as const
const STRIKES = isFull ? 6 : 2
const STEPS = 300

describe('resume of whole processes', () => {
  let stack: ProcessStack
  const seed = Number(process.env['KANTOR_FAULTS_SEED'] ?? 20261125)
  const random = seededRandom(seed)
  beforeAll(async () => {
    stack = await startProcessStack({ workers: 1 })
  }, LIMIT_MS)
  afterAll(() => stack?.stop(), LIMIT_MS)

  const submit = async (name: string, kind: 'clip' | 'penalty', optimizer: keyof typeof optimizers) => {
    const body = smallJob({ name, dataset: stack.dataset, kind, generatorSteps: STEPS, checkpointEvery: 15 })
    return stack.client.createJob({ body: { ...body, spec: { ...body.spec, optimizer: optimizers[optimizer] } } })
  }
  const look = async (id: string) => {
    const { rows } = await stack.db.pool.query<{ state: JobState; epoch: number; saved: number }>(
      `SELECT state, epoch, coalesce((SELECT max(step) FROM checkpoint WHERE job_id = job.id), 0) AS saved FROM job WHERE id = $1`,
      [id],
    )
    return rows[0]!
  }
  const ended = (id: string) => until(async () => isTerminal((await look(id)).state))
  const result = async (id: string) => {
    const curve: unknown[] = []
    const options = { names: reproducibleNames, attempts: 'effective' } as const
    await eachPoint(stack.db, id, options, (points) => {
      for (const { step, criticStep, values } of points) curve.push({ step, criticStep, values: [...values.values()] })
    })
    const newest = await stack.db.pool.query<{ key: string }>(
      'SELECT key FROM checkpoint WHERE job_id = $1 ORDER BY epoch DESC, step DESC LIMIT 1',
      [id],
    )
    return { curve, weights: weightsHash(await stack.store.getBytes(newest.rows[0]!.key)) }
  }

  test.each([
    ['clip', 'rmsprop'],
    ['clip', 'adam'],
    ['penalty', 'rmsprop'],
    ['penalty', 'adam'],
  ] as const)(
    `F36: %s with %s, trainer or supervisor killed with -9 at random moments (seed ${seed}), ends as uninterrupted to the bit`,
    async (kind, optimizer) => {
      const whole = await submit(`whole ${kind} ${optimizer}`, kind, optimizer)
      await ended(whole.id)
      const { id } = await submit(`struck ${kind} ${optimizer}`, kind, optimizer)
      let [strikes, saved] = [0, 0]
      const worker = stack.workers[0]!
      while (strikes < STRIKES) {
        // Behind a new checkpoint, at any moment before the end: without one in between, three crashes would be the job's own fault.
        await until(async () => {
          const now = await look(id)
          return isTerminal(now.state) || now.saved > saved
        })
        await sleep(random.between(0, 300))
        const now = await look(id)
        if (isTerminal(now.state)) break
        const [trainer] = childrenOf(worker.pid!)
        if (random.next() < 0.5 && trainer !== undefined) process.kill(trainer, 'SIGKILL')
        else {
          await worker.kill()
          await worker.start()
        }
        saved = now.saved
        strikes += 1
      }
      await ended(id)

      expect(strikes).toBeGreaterThan(0)
      expect((await look(id)).epoch).toBeGreaterThan(1)
      expect(await result(id)).toEqual(await result(whole.id))
      const options = { acknowledged: [whole.id, id], settled: true, bitwise: true }
      expect(await checkInvariants(stack.db, stack.store, options)).toEqual([])
    },
    LIMIT_MS,
  )
})
