import { describe, expect, test } from '@jest/globals'
import type { Trial } from '@kantor/contracts'
import { parameterText, ranked, scaleOf, scalePaths, shortNames } from './parameters.js'

const aTrial = (trial: number, changes: Partial<Trial> = {}): Trial => ({
  trial,
  configuration: trial,
  jobId: `job-${trial}`,
  parameters: {},
  seed: 1,
  state: 'succeeded',
  reason: 'budget_reached',
  step: 10,
  totalSteps: 10,
  value: null,
  metrics: {},
  metricsStep: null,
  startedAt: null,
  finishedAt: null,
  ...changes,
})
const numbers = (trials: Trial[]) => trials.map(({ trial }) => trial)

describe('ranked', () => {
  const trials = [
    aTrial(1),
    aTrial(2, { value: 3 }),
    aTrial(3, { value: -1 }),
    aTrial(4, { value: -9, state: 'failed' }),
    aTrial(5, { value: 3 }),
  ]

  test('best first, what has no rank last, equals as they were numbered', () => {
    expect(numbers(ranked(trials, { objective: { metric: 'w_estimate', goal: 'min' } }))).toEqual([3, 2, 5, 1, 4])
    expect(numbers(ranked(trials, { objective: { metric: 'w_estimate', goal: 'max' } }))).toEqual([2, 5, 3, 1, 4])
  })
})

describe('parameters', () => {
  test('are shown short: the end of a path unless two share it, drawn numbers in three digits', () => {
    expect([...shortNames(['objective.kind', 'optimizer.kind', 'model.critic']).values()]).toEqual([
      'objective.kind',
      'optimizer.kind',
      'critic',
    ])
    expect([5e-5, 0.01, 0.0123456, 64, -1.5, true, 'mlp', undefined].map(parameterText)).toEqual([
      '0.00005',
      '0.01',
      '0.0123',
      '64',
      '−1.5',
      'true',
      'mlp',
      '–',
    ])
    expect(parameterText(1.2345e-7)).toBe('1.23e−7')
  })

  test('that set the scale of estimates part the trials, exactly', () => {
    const lint = [{ code: 'ranks-other-scales', pointer: '/search/parameters/objective.clip' }]
    const paths = scalePaths({ lint })
    const scale = (clip: number) => scaleOf(aTrial(1, { parameters: { 'objective.clip': clip, batchSize: 3 } }), paths)

    expect(scale(0.01)).toBe('clip 0.01')
    expect(scale(0.010001)).not.toBe(scale(0.01))
  })
})
