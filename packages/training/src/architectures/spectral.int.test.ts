import { beforeAll, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { float32Values, readSafetensors } from '../checkpoint/safetensors.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'

beforeAll(() => loadTensorFlow({ threads: 2 }))

/** The largest singular value of rows of numbers, by many power steps in double precision. */
function largestSingularValue(rows: number[][]): number {
  let v = rows[0]!.map((_, i) => Math.cos(i))
  let sigma = 0
  for (let step = 0; step < 300; step++) {
    const u = rows.map((row) => row.reduce((sum, x, i) => sum + x * v[i]!, 0))
    v = v.map((_, i) => rows.reduce((sum, row, j) => sum + row[i]! * u[j]!, 0))
    const length = Math.hypot(...v)
    v = v.map((x) => x / length)
    sigma = Math.hypot(...rows.map((row) => row.reduce((sum, x, i) => sum + x * v[i]!, 0)))
  }
  return sigma
}

test('the singular vectors follow the weights: each weight’s norm is that of its own largest direction', async () => {
  const spec = aSpec({
    objective: { kind: 'wgan-sn' },
    model: { ...aSpec().model, critic: 'dcgan-sn' },
    optimizer: { kind: 'rmsprop', criticLearningRate: 1e-4 },
    budget: { generatorSteps: 40 },
  })
  const events = await collect({ spec, images: someImages() })
  const file = readSafetensors(lastCheckpoint(events))
  for (const [name, from, to] of [
    ['netD.main.initial:1-4:conv.weight', 1, 4],
    ['netD.main.pyramid:4-8:conv.weight', 4, 8],
    ['netD.main.final:8-1:conv.weight', 8, 1],
  ] as const) {
    const size = from * 16
    const weights = float32Values(file, name, [to, from, 4, 4])
    const rows = Array.from({ length: to }, (_, row) => [...weights.subarray(row * size, (row + 1) * size)])
    const u = [...float32Values(file, `${name}_u`, [to])]
    // ‖Mᵀu‖ is what the power iteration takes for σ.
    const taken = Math.hypot(...rows[0]!.map((_, i) => rows.reduce((sum, row, j) => sum + row[i]! * u[j]!, 0)))
    const share = taken / largestSingularValue(rows)
    expect([name, share > 0.9 && share < 1.0001]).toEqual([name, true])
  }
  // A slope near 1 on images of 256 pixels: the scores stay small, and training goes on.
  expect(only(events, 'point').every(({ point }) => point.values.every(Number.isFinite))).toBe(true)
})
