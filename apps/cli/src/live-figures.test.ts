import { describe, expect, test } from '@jest/globals'
import type { JobView } from '@kantor/client'
import { JobSpec, type Progress } from '@kantor/contracts'
import { createLiveFigures } from './live-figures.js'

interface Given {
  points: number[]
  attempt?: number
  resolution?: number
  progress?: Progress | null
}

/** A running job whose curve holds these steps; the estimate at step s is 1 / s. */
function aView({ points, attempt = 1, resolution = 1, progress = null }: Given): JobView {
  const starts = [...new Set(points.map((step) => Math.floor(step / resolution) * resolution))]
  const inside = (x: number) => points.filter((step) => step >= x && step < x + resolution)
  const values = starts.map((x) => 1 / inside(x).at(-1)!)
  const none = { min: values, max: values, mean: values, bad: starts.map(() => 0) }
  return {
    job: {
      id: '0198c0de-0000-7000-8000-000000000001',
      name: 'one',
      tags: {},
      notes: '',
      priority: 100,
      revision: 1,
      lint: [],
      message: null,
      startFrom: null,
      importedFrom: null,
      archivedAt: null,
      sweepId: null,
      health: null,
      trial: null,
      worker: 'w',
      determinism: 'bitwise',
      reproducible: true,
      notBefore: null,
      state: 'running',
      reason: 'first_step',
      attempt,
      progress,
      spec: JobSpec.parse({ dataset: 'mnist', seed: 1, budget: { generatorSteps: 100 } }),
      createdAt: '',
      startedAt: '',
      finishedAt: null,
    },
    curve: {
      jobId: '',
      x: 'gen_step',
      resolution,
      seq: 1,
      complete: false,
      reset: null,
      marks: [],
      series: { w_estimate: { x: starts, last: values, n: starts.map((x) => inside(x).length), ...none } },
    },
  }
}

const steps = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describe('createLiveFigures', () => {
  test('step and estimate come from the curve, rate and time left from the pace of the last half minute', () => {
    let now = 0
    const read = createLiveFigures(() => now)
    read(aView({ points: steps(10) }))
    now = 5000

    expect(read(aView({ points: steps(20) }))).toEqual({
      step: 20,
      totalSteps: 100,
      stepsPerSecond: 2,
      wEstimate: 1 / 20,
      etaSeconds: 40,
    })
  })

  test('a pace of long ago does not count', () => {
    let now = 0
    const read = createLiveFigures(() => now)
    for (const [at, step] of [
      [0, 1],
      [10_000, 41],
      [45_000, 42],
      [55_000, 52],
    ] as const) {
      now = at
      read(aView({ points: steps(step) }))
    }

    expect(read(aView({ points: steps(52) })).stepsPerSecond).toBe(1)
  })

  test('in coarse buckets the newest step is the last one of the last bucket', () => {
    expect(createLiveFigures()(aView({ points: steps(13), resolution: 8 })).step).toBe(13)
    expect(createLiveFigures()(aView({ points: steps(5), resolution: 8 })).step).toBe(5)
    expect(createLiveFigures()(aView({ points: steps(15), resolution: 8 })).step).toBe(15)
  })

  test('a new attempt starts a new pace', () => {
    let now = 0
    const read = createLiveFigures(() => now)
    read(aView({ points: steps(50) }))
    now = 10_000
    read(aView({ points: steps(20), attempt: 2 }))
    now = 20_000

    expect(read(aView({ points: steps(40), attempt: 2 })).stepsPerSecond).toBe(2)
  })

  test('the worker’s figures stand in before there is a pace, and its time left counts when it is shorter', () => {
    const progress: Progress = {
      step: 7,
      totalSteps: 90,
      criticSteps: 9,
      epoch: 0,
      stepsPerSecond: 3,
      etaSeconds: 5,
      wEstimate: 0.25,
    }

    expect(createLiveFigures()(aView({ points: [], progress }))).toEqual({
      step: 7,
      totalSteps: 90,
      stepsPerSecond: 3,
      wEstimate: 0.25,
      etaSeconds: 5,
    })
  })
})
