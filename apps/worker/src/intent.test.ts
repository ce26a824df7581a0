import { describe, expect, test } from '@jest/globals'
import { Intent, type Wish } from './intent.js'

describe('Intent', () => {
  test('wishes only get stronger', () => {
    const intent = new Intent()
    const heard: Wish[] = []
    intent.listen((wish) => heard.push(wish))

    for (const wish of ['stop', 'preempt', 'cancel', 'cancel', 'stop', 'lost', 'abandon'] as const) intent.raise(wish)

    expect(heard).toEqual(['stop', 'cancel', 'lost'])
    expect(intent.current).toBe('lost')
  })

  test('a listener that comes late hears the present wish', () => {
    const intent = new Intent()
    intent.raise('cancel')
    const heard: Wish[] = []

    intent.listen((wish) => heard.push(wish))()
    intent.raise('lost')

    expect(heard).toEqual(['cancel'])
  })

  test('signals abort up to the wish, not beyond', () => {
    const intent = new Intent()

    intent.raise('stop')

    expect(intent.reached('preempt').aborted).toBe(true)
    expect(intent.reached('stop').aborted).toBe(true)
    expect(intent.reached('cancel').aborted).toBe(false)
  })
})
