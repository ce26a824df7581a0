// `npm test`: set up, then every test. Arguments go to jest (`npm test -- curve`).
// CI reads only the closing line `N passed, N failed`, which jest does not print.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, setUpOrExit } from './setup.mjs'

await setUpOrExit()
const jest = join(root, 'node_modules/jest/bin/jest.js')
const output = join(root, 'test-output')
mkdirSync(output, { recursive: true })

// Whole stacks in e2e need the machine for themselves: they run after the rest, one at a time.
const stages = [
  { name: 'unit-int', args: ['--selectProjects', 'unit', 'int', '--maxWorkers=2'] },
  { name: 'e2e', args: ['--selectProjects', 'e2e', '--runInBand'] },
]
let passed = 0
let failed = 0
let skipped = 0
for (const { name, args } of stages) {
  const report = join(output, `jest-${name}.json`)
  rmSync(report, { force: true })
  const result = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      jest,
      ...args,
      '--passWithNoTests',
      '--json',
      `--outputFile=${report}`,
      ...process.argv.slice(2),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      // TensorFlow reads the real environment, jest gives tests a copy.
      env: { TF_CPP_MIN_LOG_LEVEL: '3', ...process.env },
    },
  )
  if (!existsSync(report)) {
    process.stderr.write(`test: jest ended without a report (${result.signal ?? result.status})\n`)
    failed += 1
    continue
  }
  const summary = JSON.parse(readFileSync(report, 'utf8'))
  passed += summary.numPassedTests
  failed += summary.numFailedTests + summary.numRuntimeErrorTestSuites
  skipped += summary.numPendingTests + summary.numTodoTests
  // A suite that cannot even load, or an open handle that ends the run, must not look green.
  if (result.status !== 0 && summary.success) failed += 1
}
const withSkipped = skipped > 0 ? `, ${skipped} skipped` : ''
console.log(`${passed} passed, ${failed} failed${withSkipped}`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
