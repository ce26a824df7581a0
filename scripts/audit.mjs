// `npm run audit`: known weaknesses in what production runs. Asks the registry, so it is no part of `npm run check`, which needs no network.
// Exit 0: none, or all waived; 1: some are not; 2: nobody answered, which is no verdict.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const serious = ['high', 'critical']

/**
 * `report` is `npm audit --json`; a waiver names an advisory, a reason, and the last day on which it counts. Answers one line for each finding
 * that is not waived and each waiver that is over or waives nothing.
 * @param {{vulnerabilities?: Record<string, {via: (string | {url: string, severity: string, title: string, name: string})[]}>}} report
 * @param {{advisory: string, reason: string, until: string}[]} waivers
 * @param {string} today
 */
export function judge(report, waivers, today) {
  const advisories = new Map()
  for (const { via } of Object.values(report.vulnerabilities ?? {}))
    for (const one of via)
      if (typeof one !== 'string' && serious.includes(one.severity)) advisories.set(one.url.split('/').at(-1), one)
  const problems = []
  for (const { advisory, reason, until } of waivers) {
    if (!reason || !/^\d{4}-\d\d-\d\d$/.test(until ?? ''))
      problems.push(`the waiver of ${advisory} needs a reason and a last day`)
    else if (until < today) problems.push(`the waiver of ${advisory} ended on ${until}: look again (${reason})`)
    else if (!advisories.delete(advisory)) problems.push(`the waiver of ${advisory} waives nothing: remove it`)
  }
  for (const [id, { name, severity, title }] of advisories) problems.push(`${name}: ${severity}, ${title} (${id})`)
  return problems
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync('npm', ['audit', '--json', '--omit=dev'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const report = parsed(stdout)
  if (report?.vulnerabilities === undefined) {
    console.error('not audited: the registry gives no advisories here; this is no verdict')
    process.exit(2)
  }
  const waivers = JSON.parse(readFileSync(join(root, '.audit-waivers.json'), 'utf8'))
  const problems = judge(report, waivers, new Date().toISOString().slice(0, 10))
  for (const problem of problems) console.error(problem)
  process.exit(problems.length === 0 ? 0 : 1)
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
