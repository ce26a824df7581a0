// The import rules of the house. Workspace packages may import only what stands beside their name; deep imports are closed
// by each package's `exports`; apps never import apps. A dependency that is declared but forbidden fails too.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const rules = {
  contracts: [],
  engine: [],
  training: ['contracts', 'engine'],
  archives: ['contracts'],
  datasets: ['contracts', 'archives'],
  db: ['contracts'],
  queue: ['contracts'],
  storage: ['contracts'],
  client: ['contracts'],
  search: ['contracts'],
  runtime: ['contracts'],
  testing: ['contracts', 'client', 'db', 'queue', 'storage', 'archives', 'datasets', 'runtime'],
  api: ['contracts', 'archives', 'db', 'queue', 'storage', 'search', 'runtime'],
  worker: ['contracts', 'db', 'queue', 'storage', 'datasets', 'runtime'],
  dashboard: ['contracts', 'client'],
  cli: ['contracts', 'client', 'runtime', 'db', 'storage', 'datasets'],
}
/** Narrower doors: only these folders may import those packages. */
const doors = {
  // Where imports are brought in, decoded in a process of their own, and stored.
  api: { datasets: /^apps\/api\/src\/imports\// },
  worker: { engine: /^apps\/worker\/src\/trainer\//, training: /^apps\/worker\/src\/trainer\// },
  // Loaded lazily, so that the CLI starts without TensorFlow: only `import()`.
  cli: { engine: 'lazy', training: 'lazy' },
}

/** Rooms of `training` that are arithmetic alone. */
const withoutTensorFlow = new Set(['@kantor/training/oracles', '@kantor/training/safetensors'])

function* sources(directory) {
  for (const name of readdirSync(directory)) {
    if (name === 'node_modules' || name === 'dist' || name === 'generated') continue
    const path = join(directory, name)
    if (statSync(path).isDirectory()) yield* sources(path)
    else if (/\.(ts|tsx|mjs)$/.test(name)) yield path
  }
}

const importPattern = /(?:(import|export)\s[^'"`;]*?from\s*|(import)\s*\(\s*|(import)\s+)['"]([^'"]+)['"]/g
const problems = []
for (const kind of ['packages', 'apps']) {
  for (const room of readdirSync(join(root, kind))) {
    if (!rules[room]) problems.push(`${kind}/${room}: no rule says what it may import (scripts/boundaries.mjs)`)
    for (const path of sources(join(root, kind, room))) check(kind, room, path)
  }
}

function check(kind, room, path) {
  const file = relative(root, path)
  const isTest = /\.test\.tsx?$|^[^/]+\/[^/]+\/(tests|src\/testing)\//.test(file)
  const text = readFileSync(path, 'utf8')
  for (const match of text.matchAll(importPattern)) {
    const specifier = match[4]
    if (specifier.startsWith('.')) {
      const target = relative(root, resolve(dirname(path), specifier))
      if (!target.startsWith(`${kind}/${room}/`)) problems.push(`${file}: ${specifier} leaves its own package`)
      continue
    }
    const [scope, name] = specifier.split('/')
    if (specifier.startsWith('@tensorflow/') && room !== 'engine')
      problems.push(`${file}: only engine imports ${specifier}`)
    if (scope !== '@kantor' || name === room) continue
    if (isTest && (name === 'testing' || rules.testing.includes(name))) continue
    if (rules[room]?.includes(name)) continue
    const door = doors[room]?.[name]
    const typeOnly = /^import\s+type\s/.test(match[0])
    const open =
      door === 'lazy' ? match[2] !== undefined || typeOnly || withoutTensorFlow.has(specifier) : door?.test(file)
    if (!open) problems.push(`${file}: ${room} may not import ${specifier}`)
  }
}

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)
