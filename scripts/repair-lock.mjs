// `npm run lock` after an install that changed dependencies: a registry that answers 404 for packages of other platforms leaves
// them out of package-lock.json, and `npm ci` then refuses the file elsewhere. Adds the missing optional entries; `--check` only looks.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const file = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), 'package-lock.json')
const before = readFileSync(file, 'utf8')
const lock = JSON.parse(before)

const systems = ['darwin', 'linux', 'win32', 'freebsd', 'openbsd', 'netbsd', 'android', 'sunos', 'aix', 'openharmony']
const processors = ['x64', 'arm64', 'arm', 'ia32', 'riscv64', 'ppc64', 's390x', 'loong64', 'mips64el']
const aliases = { windows: 'win32', linuxmusl: 'linux', 64: 'x64', 32: 'ia32', wasm32: undefined }

/** What a platform package's name tells of the machines it is for. */
function platformOf(name) {
  const words = name.split(/[^a-z0-9]+/i).map((word) => aliases[word] ?? word)
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  const libc = /musl/.test(name) ? 'musl' : /gnu/.test(name) ? 'glibc' : undefined
  return { ...(cpu && { cpu: [cpu] }), ...(os && { os: [os] }), ...(libc && { libc: [libc] }) }
}

const added = []
for (const entry of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`
    if (lock.packages[path]) continue
    lock.packages[path] = { version: range.replace(/^[\^~>=<\s]+/, ''), optional: true, ...platformOf(name) }
    added.push(name)
  }
}

const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
const after = JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2) + '\n'
if (process.argv.includes('--check')) {
  if (/"resolved": "https?:/.test(before)) fail('it names a registry host: install with the .npmrc of this project')
  if (added.length > 0)
    fail(`${added.length} optional packages are missing (${added.slice(0, 3).join(', ')} …): run \`npm run lock\``)
} else if (added.length > 0) {
  writeFileSync(file, after)
  console.log(`package-lock.json: ${added.length} optional entries added`)
}

function fail(message) {
  console.error(`package-lock.json: ${message}`)
  process.exit(1)
}
