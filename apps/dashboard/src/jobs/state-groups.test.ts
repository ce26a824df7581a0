import { describe, expect, test } from '@jest/globals'
import { JobState } from '@kantor/contracts'
import { groupNames, parseGroups, readGroups, statesOf } from './state-groups.js'

describe('the filter by state', () => {
  test('every state is in exactly one group', () => {
    expect(statesOf(groupNames).toSorted()).toEqual([...JobState.options].toSorted())
  })

  test('an address names groups; what is not one is left out', () => {
    expect(parseGroups('failed,active,nonsense')).toEqual({ show: 'active,failed' })
    expect(parseGroups(7)).toEqual({})
    expect(readGroups(undefined)).toEqual([])
  })
})
