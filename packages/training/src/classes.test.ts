import { describe, expect, test } from '@jest/globals'
import { conditionsOf, inTurn, oneHot } from './classes.js'
import { aSpec, someImages } from './testing/runs.js'

const spec = aSpec({ model: { ...aSpec().model, classes: 3 } })
/** Six times the class 0, three times 1, once 2. */
const labels = Int32Array.of(0, 1, 0, 0, 1, 0, 2, 0, 1, 0)
const images = { ...someImages(labels.length), labels }
const conditions = conditionsOf(spec, images)!

const classesIn = (rows: Float32Array) =>
  Array.from({ length: rows.length / 3 }, (_, i) => [...rows.subarray(3 * i, 3 * i + 3)].indexOf(1))

describe('the classes of a run', () => {
  test('are rows with a one', () => {
    expect([...oneHot([2, 0], 3)]).toEqual([0, 0, 1, 1, 0, 0])
    expect([...inTurn(5, 3)]).toEqual([0, 1, 2, 0, 1])
    expect(conditionsOf(aSpec(), images)).toBeNull()
  })

  test('of a critic step are those of its real images, and drawn beyond a tail', () => {
    const classes = classesIn(conditions.critic(Int32Array.of(6, 1, 2), 4))
    expect(classes).toHaveLength(spec.batchSize)
    expect(classes.slice(0, 3)).toEqual([2, 1, 0])
    expect(classes).toEqual(classesIn(conditions.critic(Int32Array.of(6, 1, 2), 4)))
    expect(classes).not.toEqual(classesIn(conditions.critic(Int32Array.of(6, 1, 2), 5)))
  })

  test('of generator steps are drawn by seed and step, as often as the data has them', () => {
    expect(conditions.generator(7)).toEqual(conditionsOf(spec, images)!.generator(7))
    expect(conditions.generator(7)).not.toEqual(conditionsOf({ ...spec, seed: 6 }, images)!.generator(7))
    const drawn = Array.from({ length: 1000 }, (_, step) => classesIn(conditions.generator(step))).flat()
    for (const [one, share] of [0.6, 0.3, 0.1].entries()) {
      // Four deviations of a share of 8000 draws.
      const error = 4 * Math.sqrt((share * (1 - share)) / drawn.length)
      const found = drawn.filter((drawnClass) => drawnClass === one).length / drawn.length
      expect(Math.abs(found - share)).toBeLessThan(error)
    }
  })

  test('of an image without a label there are none', () => {
    const { labels: _, ...unlabelled } = images
    expect(() => conditionsOf(spec, unlabelled)!.generator(0)).toThrow('has no label')
  })
})
