import type { Dossier } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'
import { formatLine } from './job-logs.js'
import { attemptTable } from './job-records.js'

/** Points and log lines on the page; `--json` has them all. */
const NEWEST_POINTS = 10
const NEWEST_LINES = 30

/** `kantor job dossier`: why a job failed, in one page. */
export const dossier = (): Command =>
  new Command('dossier')
    .description(
      'Why a job failed: its end, its attempts, its last points and lines, and the nearest job that went well',
    )
    .argument('<id>')
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const { client, url } = await connect(command)
      const found = await client.getDossier({ params: { id } })
      if (options.json) return printJson(found)
      print(sections(found).join('\n\n'))
      note(`${url}/ui/jobs/${id}`)
    })

function sections({ job, meaning, remedy, points, samples, attempts, log, nearest }: Dossier): string[] {
  const told = job.message === null ? '' : `: ${job.message}`
  const head = [`${job.name} failed (${job.reason}): ${meaning}${told}`, ...(remedy === null ? [] : [`→ ${remedy}`])]
  return [
    head.join('\n'),
    titled('Attempts', attemptTable(attempts)),
    ...(points.length > 0 ? [titled(`The last of its curve`, pointTable(points.slice(-NEWEST_POINTS)))] : []),
    ...(samples.length > 0
      ? [titled('Its last samples', samples.map(({ step, url }) => `step ${step}  ${url}`).join('\n'))]
      : []),
    ...(log.length > 0 ? [titled('The end of its log', log.slice(-NEWEST_LINES).map(formatLine).join('\n'))] : []),
    titled('The nearest job that went well', nearest === null ? 'none on the same data' : nearestJob(nearest)),
  ]
}

const titled = (title: string, body: string) => `${title}\n${body}`

function pointTable(points: Dossier['points']): string {
  const names = Object.keys(points[0]!.values) as (keyof Dossier['points'][number]['values'])[]
  const rows = points.map(({ step, values }) => [String(step), ...names.map((name) => shortest(values[name]))])
  return table(['STEP', ...names], rows, [0, ...names.map((_, index) => index + 1)])
}

/** Non-finite values travel as words. */
const shortest = (value: number | string | undefined): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(5))) : (value ?? '–')

function nearestJob({ jobId, name, differences }: NonNullable<Dossier['nearest']>): string {
  const title = `${name} (${jobId})`
  if (differences.length === 0) return `${title}, with the very same spec`
  const rows = differences.map(({ pointer, here, there }) => [pointer, shown(here), shown(there)])
  return `${title}\n${table(['KEY', 'HERE', 'THERE'], rows)}`
}

const shown = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value))
