import { describe, expect, test } from '@jest/globals'
import { Schedule } from '@kantor/contracts'
import { plannedCriticSteps } from './schedule.js'

describe('plannedCriticSteps', () => {
  const authors = Schedule.parse({})

  test('gives the authors’ bursts: 100 for the first 25 generator steps and for every 500th, else 5', () => {
    const long = Array.from({ length: 1501 }, (_, step) => step).filter(
      (step) => plannedCriticSteps(authors, step) === 100,
    )
    expect(long).toEqual([...Array(25).keys(), 500, 1000, 1500])
    expect(plannedCriticSteps(authors, 25)).toBe(5)
    expect(plannedCriticSteps(authors, 499)).toBe(5)
  })

  test('zero generator steps switch a burst off', () => {
    const paper = Schedule.parse({ warmup: { generatorSteps: 0 }, every: { generatorSteps: 0 } })
    expect([0, 1, 500].map((step) => plannedCriticSteps(paper, step))).toEqual([5, 5, 5])
  })
})
