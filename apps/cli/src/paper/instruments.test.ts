import { describe, expect, test } from '@jest/globals'
import { drawnLaw } from '@kantor/datasets'
import { writeSafetensors } from '@kantor/training/safetensors'
import { jensenShannon } from './digit-jobs.js'
import { readMlp } from './mlp.js'
import { judgeModes } from './modes.js'
import { linePlot, scatterPlot } from './plot.js'
import { rankCorrelation } from './rank-correlation.js'
import { sheetPlot } from './sheet-plot.js'

const float32 = (values: number[], shape: number[]) => ({
  dtype: 'F32' as const,
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
})

/** A checkpoint with one MLP: identities but for its first layer, and a last one of two outputs. */
const checkpointOf = (prefix: string, first: number[]) =>
  writeSafetensors(
    new Map([
      [`${prefix}main.0.weight`, float32(first, [2, 2])],
      [`${prefix}main.0.bias`, float32([1, 0.5], [2])],
      [`${prefix}main.2.weight`, float32([1, 0, 0, 1], [2, 2])],
      [`${prefix}main.2.bias`, float32([0, 0], [2])],
      [`${prefix}main.4.weight`, float32([1, 0, 0, 1], [2, 2])],
      [`${prefix}main.4.bias`, float32([0, -0.25], [2])],
      [`${prefix}main.6.weight`, float32([2, -1, 0, 1], [2, 2])],
      [`${prefix}main.6.bias`, float32([0.125, 0], [2])],
    ]),
    {},
  )

describe('an MLP out of a checkpoint', () => {
  const { forward } = readMlp(checkpointOf('netD.', [1, 2, -1, 1]), 'netD.')

  test('computes what its layers say', () => {
    // Hidden: 1 + 2 · 0.5 + 1 = 3 and −1 + 0.5 + 0.5 = 0, which the third layer’s ReLU keeps at 0.
    expect([...forward([1, 0.5])]).toEqual([6.125, 0])
    expect([...forward([-1, 1])]).toEqual([2 * 2 - 2.25 + 0.125, 2.25])
  })
})

test('a generator that makes one point covers at most one mode', () => {
  const { modes } = drawnLaw({ kind: 'ring-8', seed: 1 })
  const constant = judgeModes(checkpointOf('netG.', [0, 0, 0, 0]), modes)

  expect(constant).toMatchObject({ covered: 0, highQuality: 0 })
  const there = judgeModes(checkpointOf('netG.', [0, 0, 0, 0]), [
    { centre: [1.87, 0.25], deviation: 0.01 },
    { centre: [0, 0], deviation: 1e-3 },
  ])
  expect(there).toMatchObject({ covered: 1, highQuality: 1 })
  expect(there.reverseKl).toBeCloseTo(Math.log(2), 12)
})

test('pictures are small, and hold no number that is none', () => {
  const long = Array.from({ length: 10_000 }, (_, i) => [i, i === 7 ? Number.NaN : Math.sin(i / 500)])
  const curve = linePlot({ title: 'a < b', x: 'x', y: 'y', lines: [{ name: 'sine', points: long }] })
  const cloud = scatterPlot([{ title: 'cloud', points: [0, 0, 1, 1, Number.NaN, 0, 99, 0], centres: [[0, 0]] }])

  for (const picture of [curve, cloud]) {
    expect(picture).toMatch(/^<svg [^>]+>[\s\S]*<\/svg>\n$/)
    expect(picture).not.toMatch(/NaN|Infinity|undefined/)
    expect(picture.length).toBeLessThan(10_000)
  }
  expect(curve).toContain('a &lt; b')
  expect(cloud.match(/h0/g)).toHaveLength(2)
})

describe('a curve beside the quality of samples', () => {
  test('ranks it as Spearman has it, whatever the scales, with equal values between their neighbours', () => {
    expect(rankCorrelation([1, 2, 3, 4], [0.1, 10, 11, 1e6])).toBe(1)
    expect(rankCorrelation([1, 2, 3, 4], [9, 7, 3, -2])).toBe(-1)
    // SciPy 1.17: spearmanr([1, 2, 2, 5, 3], [2, 1, 4, 3, 3]).statistic
    expect(rankCorrelation([1, 2, 2, 5, 3], [2, 1, 4, 3, 3])).toBeCloseTo(0.368421052631579, 12)
    expect(rankCorrelation([1, 2, 3], [5, 5, 5])).toBeNaN()
  })

  test('is 0 for a discriminator that knows nothing, and log 2 for one that errs nowhere', () => {
    expect(jensenShannon(2 * Math.LN2)).toBe(0)
    expect(jensenShannon(0)).toBe(Math.LN2)
  })
})

test('sheets stand one below the other, each with its title', () => {
  const picture = sheetPlot([
    { title: 'a < b', png: Uint8Array.of(137, 80), width: 10, height: 20 },
    { title: 'c', png: Uint8Array.of(1), width: 30, height: 5 },
  ])

  expect(picture).toMatch(/viewBox="0 0 60 110"/)
  expect(picture).toContain('a &lt; b')
  expect(picture).toContain(
    '<image y="30" width="20" height="40" style="image-rendering: pixelated" href="data:image/png;base64,iVA="/>',
  )
  expect(picture).toContain('<image y="100" width="60" height="10"')
})
