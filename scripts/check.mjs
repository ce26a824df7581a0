// `npm run check`: types, lint, import rules, dead code, format, lock file. All of them run; one bad one fails the whole.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUpOrExit } from './setup.mjs'

await setUpOrExit()
const bin = (name) => join(root, 'node_modules/.bin', name)
/** @type {[string, string, string[]][]} */
const checks = [
  ['types', bin('tsc'), ['-p', 'tsconfig.tests.json']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['boundaries', process.execPath, ['scripts/boundaries.mjs']],
  ['dead code', bin('knip'), ['--no-progress']],
  ['reference', process.execPath, ['scripts/reference.mjs', '--check']],
  ['format', bin('prettier'), ['--check', '--log-level=warn', '.']],
  ['Dockerfile', bin('dockerfile-utils'), ['lint', 'Dockerfile.gpu']],
  ['compose file', bin('dclint'), ['docker-compose.yml', '--max-warnings', '0']],
  ['lock file', process.execPath, ['scripts/repair-lock.mjs', '--check']],
]
let bad = 0
for (const [name, command, args] of checks) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  const ok = result.status === 0
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`)
  if (!ok) {
    bad += 1
    process.stderr.write(`${result.stdout}${result.stderr}\n`)
  }
}
process.exit(bad === 0 ? 0 : 1)
