import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Reason, reasonCatalogue, remedyOf } from './index.js'

const page = readFileSync(new URL('../../../docs/failures.md', import.meta.url), 'utf8')
/** The cells of a reason's row in the page. */
const rowOf = (reason: Reason) =>
  page
    .split('\n')
    .find((line) => line.startsWith(`| \`${reason}\` `))
    ?.split('|')
    .slice(2, 4)
    .map((cell) => cell.trim())

describe('reasons', () => {
  test.each(Reason.options)('%s is in docs/failures.md, in the words of the catalogue', (reason) => {
    expect(rowOf(reason)).toEqual([reasonCatalogue[reason].meaning, remedyOf(reason) ?? ''])
  })

  test('the page names no reason that there is not', () => {
    const named = page.split('\n').flatMap((line) => /^\| `([a-z_]+)` /.exec(line)?.[1] ?? [])

    expect(named.toSorted()).toEqual(Reason.options.toSorted())
  })
})
