import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'

/** Every file of this package that importing `entry` loads at once. */
function loaded(entry: URL, seen = new Map<string, string>()): Map<string, string> {
  if (seen.has(entry.href)) return seen
  const text = readFileSync(entry, 'utf8')
  seen.set(entry.href, text)
  for (const [, path = ''] of text.matchAll(/^(?:import|export) [^'"]*?from '(\.[^']+)\.js'/gms))
    loaded(new URL(`${path}.ts`, entry), seen)
  return seen
}

describe('importing', () => {
  test('this package does not load sharp: libvips must not meet TensorFlow in the trainer', () => {
    const files = loaded(new URL('index.ts', import.meta.url))

    expect(files.size).toBeGreaterThan(10)
    for (const [file, text] of files)
      expect([file, /^(?:import|export) .*from 'sharp'/m.test(text)]).toEqual([file, false])
  })

  test('openImages loads neither stores nor sources', () => {
    const names = [...loaded(new URL('open-images.ts', import.meta.url)).keys()].map((file) => file.split('/').at(-1))

    expect(names).toEqual(['open-images.ts', 'manifests.ts'])
  })
})
