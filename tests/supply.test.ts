import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Locked {
  version?: string
  integrity?: string
  dependencies?: Record<string, string>
}
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }

/** Sources of ours that run in production, with their text. */
function* sources(): Generator<[string, string]> {
  for (const kind of ['apps', 'packages']) {
    for (const entry of readdirSync(join(root, kind), { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name))
      if (!entry.isFile() || !/\/src\/.*\.tsx?$/.test(path) || /\.test\.|\/generated\/|node_modules/.test(path))
        continue
      yield [path, read(path)]
    }
  }
}
const filesWith = (pattern: RegExp) => [...sources()].flatMap(([path, text]) => (pattern.test(text) ? [path] : []))

test('S12: no statement goes through an unsafe raw query, nor is a request part of its text', () => {
  expect([...sources()].length).toBeGreaterThan(150)
  expect(filesWith(/\$(?:query|execute)RawUnsafe/)).toEqual([])
  expect(filesWith(/(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)[^`]*\$\{(?:body|request|params\.|req\.)/)).toEqual([])
})

test('S7: nothing signs an address: bytes leave through the API, after its question for a key', () => {
  expect(filesWith(/getSignedUrl|s3-request-presigner/)).toEqual([])
  expect(Object.keys(packages)).not.toContain('node_modules/@aws-sdk/s3-request-presigner')
})

test('S15: no install script runs, and what must be one version is pinned', () => {
  expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m)
  expect(read('scripts/setup.mjs')).toContain('--ignore-scripts')
  const versions = ['zod', '@tensorflow/tfjs-node-gpu'].map((name) => [name, packages[`node_modules/${name}`]?.version])
  for (const [name, version] of versions) {
    const wanted = Object.values(packages).flatMap(({ dependencies }) => dependencies?.[name!] ?? [])
    expect([name, wanted.includes(version!)]).toEqual([name, true])
  }
})

test('S17: fastify is past its three ways around the check of Content-Type', () => {
  const [major = 0, minor = 0, patch = 0] = packages['node_modules/fastify']!.version!.split('.').map(Number)

  expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(5_008_005)
  expect(filesWith(/addContentTypeParser\(/)).toEqual(['apps/api/src/plugins/json-body.ts'])
})
