import { describe, expect, test } from '@jest/globals'
import { routes } from './routes.js'
import { isFinishedTask, isOwnedTask, Task, TaskKind, TaskState, taskTransitions } from './tasks.js'

describe('the states of a task', () => {
  test('lead from queued to an end wherever one is, and never out of an end', () => {
    const reach = (from: TaskState, seen = new Set<TaskState>()): Set<TaskState> => {
      if (!seen.has(from)) for (const to of (seen.add(from), taskTransitions[from])) reach(to, seen)
      return seen
    }
    expect([...reach('queued')].sort()).toEqual([...TaskState.options].sort())
    for (const state of TaskState.options) expect([...reach(state)].some(isFinishedTask)).toBe(true)
    expect(TaskState.options.filter(isFinishedTask)).toEqual(['cancelled', 'succeeded', 'failed'])
    expect(TaskState.options.filter(isOwnedTask)).toEqual(['running', 'cancelling'])
  })
})

describe('the contract', () => {
  test('has one variant for every kind', () => {
    expect(Task.options.map((variant) => variant.shape.kind.value).sort()).toEqual([...TaskKind.options].sort())
  })

  test('reads lists of states and kinds, and refuses what is none of them', () => {
    const { query } = routes.listTasks
    expect(query.parse({ state: 'queued,running', kind: 'verify', limit: '7' })).toEqual({
      state: ['queued', 'running'],
      kind: ['verify'],
      limit: 7,
    })
    for (const bad of [{ state: 'asleep' }, { kind: 'train' }, { limit: '0' }, { limit: '201' }, { stat: 'queued' }])
      expect(query.safeParse(bad).success).toBe(false)
  })
})
