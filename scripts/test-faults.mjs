// `npm run test:faults [-- --json] [F12 …]`: the tests whose names begin with a row of the fault matrix, with the waits and leases that the
// matrix names (`npm test` runs the same tests with shorter ones). One bar per row, and per queue backend where the row has a queue.
// `npm run test:faults -- --random --seconds 1800 --seed N`: random faults at random moments instead, and the invariant checker after each round.
// Exit code 1 when a bar is missed, 2 when something is absent (redis-server).
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { bar, finish } from './bars.mjs'
import { root, setUpOrExit } from './setup.mjs'

const numRows = 38
/** Rows whose fault can meet a ticket: proven with tickets in Postgres and with tickets in Redis. */
const onBothQueues = ['F4', 'F5', 'F7', 'F10', 'F12', 'F16', 'F17', 'F20', 'F28', 'F32']
/** Faults of one backend itself. */
const onRedis = ['F6', 'F37']

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    random: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '1800' },
    seed: { type: 'string' },
  },
})
// Through `exit`, which takes the servers down.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
await setUpOrExit()
const { isOnPath, runRandomFaults } = await import('@kantor/testing')
const hasRedis = isOnPath('redis-server')
if (options.random) await randomly()
else finish(byRow(), options.json)

async function randomly() {
  const seed = Number(options.seed ?? Date.now() % 1_000_000)
  process.stderr.write(`test:faults: seed ${seed}\n`)
  const report = await runRandomFaults({
    seed,
    seconds: Number(options.seconds),
    tell: (line) => process.stderr.write(`test:faults: ${line}\n`),
  })
  const faults = report.rounds.flatMap((round) => Object.values(round.faults)).reduce((sum, count) => sum + count, 0)
  const bars = [
    bar('seconds of random faults', Math.round(report.seconds), '>=', Number(options.seconds)),
    bar('random faults', faults, '>=', 1),
    bar('violated invariants', report.violations, '<=', 0),
  ]
  finish({ ...report, bars }, options.json)
}

function byRow() {
  const rows = Array.from({ length: numRows }, (_, i) => `F${i + 1}`).filter(
    (row) => wanted.length === 0 || wanted.includes(row),
  )
  const tests = runTests(rows)
  const bars = rows.flatMap((row) => {
    const own = tests.filter((test) => test.row === row)
    return backendsOf(row, own).map((backend) => {
      const proofs = own.filter((test) => backend === null || test.backend === backend || test.backend === null)
      const name = backend === null ? row : `${row} ${backend}`
      if (proofs.length === 0) {
        const absent = backend === 'redis' && !hasRedis
        return { ...bar(name, null, '<=', 0), pass: absent ? null : false, tests: [] }
      }
      const failed = proofs.filter((test) => !test.passed).length
      return { ...bar(name, failed, '<=', 0), tests: proofs.map((test) => `${test.file}: ${test.name}`) }
    })
  })
  return { mode: process.env.KANTOR_FAULTS ?? 'full', bars }
}

function backendsOf(row, own) {
  if (onBothQueues.includes(row)) return ['postgres', 'redis']
  if (onRedis.includes(row)) return ['redis']
  const named = ['postgres', 'redis'].filter((backend) => own.some((test) => test.backend === backend))
  return named.length > 1 ? named : [null]
}

/** Runs the files that hold such tests, and of them those tests alone. */
function runTests(rows) {
  const named = new RegExp(`['"\`](${rows.join('|')}): `)
  const files = testFiles().filter((file) => named.test(readFileSync(join(root, file), 'utf8')))
  const output = join(root, 'test-output')
  const report = join(output, 'jest-faults.json')
  mkdirSync(output, { recursive: true })
  rmSync(report, { force: true })
  spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      join(root, 'node_modules/jest/bin/jest.js'),
      '--runInBand',
      '--json',
      `--outputFile=${report}`,
      '--testNamePattern',
      `(^| )(${rows.join('|')}): `,
      '--runTestsByPath',
      ...files,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { TF_CPP_MIN_LOG_LEVEL: '3', KANTOR_FAULTS: 'full', ...process.env },
    },
  )
  return JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'pending')
      .map(({ fullName, status }) => ({
        row: /(?:^| )(F\d+): /.exec(fullName)?.[1],
        backend: /\bredis\b/i.test(fullName) ? 'redis' : /\bpostgres\b/i.test(fullName) ? 'postgres' : null,
        passed: status === 'passed',
        name: fullName,
        file: relative(root, file),
      })),
  )
}

function testFiles() {
  return ['packages', 'apps', 'tests'].flatMap((folder) => [...walk(folder)])
}

function* walk(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) yield* walk(path)
    else if (path.endsWith('.test.ts')) yield path
  }
}
