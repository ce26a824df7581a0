import { describe, expect, test } from '@jest/globals'
import { Outbox } from './outbox.js'
import { type FromTrainer, unpackPoints } from './protocol.js'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))
const aPoint = (step: number) => ({ step, criticStep: 5 * step, values: Float32Array.of(step, Number.NaN, 0, 0, 0) })
const aCheckpoint = (step: number) => ({
  type: 'checkpoint' as const,
  step,
  file: '/f',
  sizeBytes: 1,
  sha256: 'a'.repeat(64),
})

/** An outbox with a clock that stands unless it is set. */
function anOutbox() {
  const sent: FromTrainer[] = []
  const clock = { seconds: 0 }
  const outbox = new Outbox(
    (message) => sent.push(message),
    () => clock.seconds,
  )
  return { sent, clock, outbox }
}
const stepsOf = (message: FromTrainer): (number | string)[] =>
  message.type === 'points' ? unpackPoints(message).map(({ step }) => step) : [message.type]

describe('Outbox', () => {
  test('fast points travel together, slow ones at once', async () => {
    const { sent, clock, outbox } = anOutbox()

    for (let step = 1; step <= 300; step++) await outbox.point(aPoint(step), 0)
    expect(sent.map((message) => stepsOf(message).length)).toEqual([1, 256])
    clock.seconds = 1
    await outbox.point(aPoint(301), 0)

    expect(sent.flatMap(stepsOf)).toEqual(Array.from({ length: 301 }, (_, i) => i + 1))
  })

  test('keeps a copy: the loop may reuse its array', async () => {
    const { sent, outbox } = anOutbox()
    const point = aPoint(1)

    await outbox.point(aPoint(0), 0)
    await outbox.point(point, 0)
    point.values.fill(7)
    await outbox.flush()

    expect(unpackPoints(sent[1] as Extract<FromTrainer, { type: 'points' }>)[0]!.values).toEqual(
      Float32Array.of(1, Number.NaN, 0, 0, 0),
    )
  })

  test('points go before the artifact of their step', async () => {
    const { sent, outbox } = anOutbox()

    for (const step of [1, 2, 3]) await outbox.point(aPoint(step), 0)
    await outbox.artifact(aCheckpoint(3))

    expect(sent.map(stepsOf)).toEqual([[1], [2, 3], ['checkpoint']])
  })

  test('F23: a third checkpoint waits until one of two is taken care of, and says what for', async () => {
    const { sent, clock, outbox } = anOutbox()
    await outbox.artifact(aCheckpoint(1))
    await outbox.artifact(aCheckpoint(2))

    const third = outbox.artifact(aCheckpoint(3))
    await nextTurn()
    expect(sent).toHaveLength(2)
    expect(outbox.waitsFor).toBeUndefined()
    clock.seconds = 3
    expect(outbox.waitsFor).toBe('object_store')
    outbox.acknowledge(0)
    await third

    expect(sent).toHaveLength(3)
    expect(outbox.waitsFor).toBeUndefined()
  })

  test('there is no room for a third checkpoint before it is written', async () => {
    const { outbox } = anOutbox()
    for (const step of [1, 2]) await outbox.artifact(aCheckpoint(step))

    const third = outbox.room('checkpoint')
    const first = await Promise.race([third.then(() => 'room'), nextTurn().then(() => 'none yet')])
    await outbox.room('sample')
    outbox.acknowledge(1)
    await third

    expect(first).toBe('none yet')
  })

  test('nothing waits after a release', async () => {
    const { sent, outbox } = anOutbox()
    for (const step of [1, 2]) await outbox.artifact(aCheckpoint(step))

    const third = outbox.artifact(aCheckpoint(3))
    outbox.release()
    await third
    await outbox.artifact(aCheckpoint(4))

    expect(sent).toHaveLength(4)
  })
})
