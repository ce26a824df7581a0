import { describe, expect, test } from '@jest/globals'
import { isOwned, isTerminal, JobState, ownedStates, terminalStates, transitions } from './index.js'

describe('job states', () => {
  test('terminal is final: no move leads out, and every other state has one', () => {
    for (const state of JobState.options) expect(transitions[state].length === 0).toBe(isTerminal(state))
  })

  test('every live state can end in cancelled and in failed', () => {
    for (const state of JobState.options.filter((each) => !isTerminal(each))) {
      expect(reachable(state)).toEqual(expect.arrayContaining(['cancelled', 'failed']))
    }
  })

  test('only a claim leads into an owned state from a free one', () => {
    const intoOwned = JobState.options
      .filter((from) => !isOwned(from))
      .flatMap((from) => transitions[from].filter(isOwned).map((to) => `${from} → ${to}`))

    expect(intoOwned).toEqual(['queued → starting'])
  })

  test('a cancelled job never becomes anything else, so cancelling leads only there or to failed', () => {
    expect(transitions.cancelling).toEqual(['cancelled', 'failed'])
  })

  test('owned and terminal states do not overlap', () => {
    expect(ownedStates.filter((state) => (terminalStates as readonly JobState[]).includes(state))).toEqual([])
  })
})

function reachable(from: JobState, seen = new Set<JobState>()): JobState[] {
  for (const to of transitions[from]) {
    if (seen.has(to)) continue
    seen.add(to)
    reachable(to, seen)
  }
  return [...seen]
}
