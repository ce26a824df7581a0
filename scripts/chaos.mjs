// `npm run chaos -- --json [--jobs 30] [--kills 20] [--seed N]`: a stack of processes (API, workers with their trainers, Postgres, Redis)
// whose members are killed with -9 at seeded random moments while it works through jobs. Exit code 1 when a bar is missed, 2 without Redis.
import { parseArgs } from 'node:util'
import { setUpOrExit } from './setup.mjs'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '30' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string' },
  },
})
const seed = Number(options.seed ?? Date.now() % 1_000_000)
const [numJobs, numKills] = [Number(options.jobs), Number(options.kills)]
// Through `exit`, which takes the servers down.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
await setUpOrExit()
const { isOnPath, runChaos } = await import('@kantor/testing')
const { bar, finish } = await import('./bars.mjs')

process.stderr.write(`chaos: seed ${seed}\n`)
if (!isOnPath('redis-server')) {
  process.stderr.write('chaos: redis-server is not on the PATH (Debian: apt-get install redis-server)\n')
  finish({ seed, bars: [bar('kills of every kind of process', null, '>=', numKills)] }, options.json)
}
const report = await runChaos({ seed, numJobs, numKills, tell: (line) => process.stderr.write(`chaos: ${line}\n`) })
const kills = Object.values(report.kills).reduce((sum, count) => sum + count, 0)
const bars = [
  bar('jobs', report.jobs, '>=', numJobs),
  bar('kill -9 of random processes', kills, '>=', numKills),
  bar('acknowledged jobs lost', report.lost, '<=', 0),
  bar('effects that happened twice', report.duplicatedEffects, '<=', 0),
  bar('weights other than those of an undisturbed run', report.mismatchedWeights, '<=', 0),
]
finish({ ...report, kills, killsOf: report.kills, bars }, options.json)
