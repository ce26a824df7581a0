import { describe, expect, test } from '@jest/globals'
import { PointLaw, type PointLawOf } from '@kantor/contracts'
import { drawAt } from './counter.js'
import { drawnLaw, openPoints, pointDataset } from './index.js'
import { funnelDirection } from './minfunnels.js'

const lawOf = (law: object) => PointLaw.parse(law)
const everyLaw = ['lines', 'two-gaussians', 'ring-8', 'grid-25', 'swiss-roll', 'minfunnels'].map((kind) =>
  lawOf({ kind }),
)
const version = (law: PointLaw) => pointDataset('lines', law).version
const indices = (count: number, from = 0) => Int32Array.from({ length: count }, (_, i) => from + i)
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('synthetic points', () => {
  test.each(everyLaw)('of $kind depend on law and index alone', (law) => {
    const source = openPoints(law)
    const all = source.read(indices(20))

    expect(source.read(Int32Array.of(7, 3))).toEqual(Float32Array.of(...all.subarray(14, 16), ...all.subarray(6, 8)))
    expect(openPoints({ ...law, seed: 2 }).read(indices(20))).not.toEqual(all)
    expect(all.every(Number.isFinite)).toBe(true)
  })

  test('are pinned: stored runs rely on them', () => {
    expect([...openPoints(lawOf({ kind: 'ring-8' })).read(Int32Array.of(0, 1_000_000))]).toMatchInlineSnapshot(`
     [
       -1.4060386419296265,
       0.014577205292880535,
       -0.9846402406692505,
       -1.0140630006790161,
     ]
    `)
    expect(pointDataset('ring-8', lawOf({ kind: 'ring-8' })).version).toMatchInlineSnapshot(`"cb5026f89ad446c9"`)
  })

  test('a law with other numbers is another version, the order of its keys is not', () => {
    expect(version({ kind: 'lines', theta: 1, seed: 1 })).toBe(version({ seed: 1, theta: 1, kind: 'lines' }))
    expect(version({ kind: 'lines', theta: 2, seed: 1 })).not.toBe(version({ kind: 'lines', theta: 1, seed: 1 }))
  })

  test('the numbers they are made of are uniform and normal, within a point and from one to the next', () => {
    const draws = Array.from({ length: 20_000 }, (_, i) => {
      const draw = drawAt(1, i)
      return [draw.uniform(), draw.uniform(), draw.normal()] as const
    })
    const centred = (axis: 0 | 1 | 2) => draws.map((draw) => draw[axis] - (axis === 2 ? 0 : 0.5))
    const product = (a: number[], b: number[]) => mean(a.map((value, i) => value * (b[i] as number)))
    const [first, second, normal] = [centred(0), centred(1), centred(2)]

    // Five standard errors each.
    expect(Math.abs(mean(first))).toBeLessThan(0.0103)
    expect(Math.abs(product(first, first) - 1 / 12)).toBeLessThan(0.0027)
    expect(Math.abs(mean(normal))).toBeLessThan(0.036)
    expect(Math.abs(product(normal, normal) - 1)).toBeLessThan(0.05)
    for (const other of [second, first.slice(1).concat(0)]) {
      expect(Math.abs(product(first, other))).toBeLessThan(0.003)
    }
  })

  test.each([
    ['ring-8', 8],
    ['grid-25', 25],
    ['two-gaussians', 2],
  ])('of %s lie equally often around each of its %d centres, within their deviation', (kind, numModes) => {
    const { modes } = drawnLaw(lawOf({ kind }))
    const points = openPoints(lawOf({ kind })).read(indices(10_000))
    const counts = modes.map(() => 0)
    let squares = 0
    for (let i = 0; i < points.length; i += 2) {
      const away = modes.map(
        ({ centre, deviation }) =>
          Math.hypot((points[i] as number) - centre[0]!, (points[i + 1] as number) - centre[1]!) / deviation,
      )
      const nearest = away.indexOf(Math.min(...away))
      counts[nearest] = (counts[nearest] as number) + 1
      squares += (away[nearest] as number) ** 2
    }

    expect(counts).toHaveLength(numModes)
    const expected = 10_000 / numModes
    for (const count of counts) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected))
    // Of two coordinates; the two Gaussians overlap a little, so that the nearest centre is not always the point's own.
    expect(squares / 10_000).toBeGreaterThan(1.85)
    expect(squares / 10_000).toBeLessThan(2.1)
  })
})

const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((x, i) => x - (b[i] as number)))

describe('minfunnels', () => {
  const law = lawOf({ kind: 'minfunnels', dimensions: 3, funnels: 5 }) as PointLawOf<'minfunnels'>
  const drawn = drawnLaw(law)
  const direction = funnelDirection(law)
  const pairs = Array.from({ length: 2000 }, (_, i) => {
    const draw = drawAt(1, i)
    const from = [draw.uniform(), draw.uniform(), draw.uniform()]
    return { from, to: drawn.point(drawAt(1, i)), moved: drawn.moved!(drawAt(1, i)) }
  })

  test('moves each point towards the centre of its funnel by as much as it says, inside the cube', () => {
    for (const { from, to, moved } of pairs) {
      const step = from.map((x, i) => x - (to[i] as number))
      expect(Math.hypot(...step)).toBeCloseTo(moved, 9)
      expect(to.every((x) => x >= 0 && x <= 1)).toBe(true)
      const along = step.reduce((sum, x, i) => sum + x * (direction(to)[i] as number), 0)
      // Still in the same funnel: the potential's gradient is the direction it came along.
      expect(along).toBeCloseTo(moved, 9)
    }
  })

  test('moves them optimally: no exchange of two targets is shorter', () => {
    for (let i = 0; i + 1 < pairs.length; i++) {
      const [p, q] = [pairs[i]!, pairs[i + 1]!]
      expect(distance(p.from, q.to) + distance(q.from, p.to)).toBeGreaterThanOrEqual(p.moved + q.moved - 1e-12)
    }
  })
})
