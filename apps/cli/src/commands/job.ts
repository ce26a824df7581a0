import { HealthState, isTerminal, type Job, JobSort, JobState } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { states, wholeNumber } from '../arguments.js'
import { duration, figure, note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'
import { follow } from '../watch.js'
import { attempts, eventTable, events } from './job-records.js'
import { dossier } from './job-dossier.js'
import { exportJob, importJob, tensorboard } from './job-outlets.js'
import { submit } from './job-submit.js'
import { logs } from './job-logs.js'
import { verbs } from './job-verbs.js'

/** `kantor job …`: jobs through the API. */
export function job(): Command {
  const group = new Command('job').description('Submit, follow and direct training jobs')
  group.addCommand(submit())
  group.addCommand(list())
  group.addCommand(show())
  group.addCommand(watch())
  group.addCommand(logs())
  group.addCommand(events())
  group.addCommand(attempts())
  group.addCommand(dossier())
  group.addCommand(tensorboard())
  group.addCommand(exportJob())
  group.addCommand(importJob())
  for (const command of verbs()) group.addCommand(command)
  return group
}

const json = () => new Option('--json', 'one JSON document on stdout')

interface ListOptions {
  state?: JobState[]
  health?: HealthState[]
  key?: string
  tag?: string[]
  search?: string
  metric?: string[]
  sort?: JobSort
  archived?: true
  limit: number
  cursor?: string
  json?: boolean
}

const several = (value: string, before: string[] = []) => [...before, value]

function list(): Command {
  return new Command('list')
    .description('Jobs, newest first')
    .option('--state <states>', `only these, with commas between (${JobState.options.join(', ')})`, states)
    .option('--health <states>', `only those whose critic is so (${HealthState.options.join(', ')})`, healthStates)
    .option('--key <key>', 'submitted with the key of this name or id')
    .option('--tag <tag>', 'key, key=value, or -key and -key=value for those without; may be repeated', several)
    .option('--search <words>', 'each begins a word of name or notes')
    .option('--metric <condition>', 'such as "w_estimate.last<0.5"; may be repeated', several)
    .addOption(new Option('--sort <key>', 'with - for descending').choices(JobSort.options))
    .option('--archived', 'the archived ones instead')
    .option('--limit <count>', 'at most this many', wholeNumber(1, 200), 50)
    .option('--cursor <cursor>', 'go on after the page that named it')
    .addOption(json())
    .action(async ({ search, archived, json: asJson, ...options }: ListOptions, command: Command) => {
      const { client } = await connect(command)
      const query = {
        ...options,
        ...(search !== undefined && { q: search }),
        ...(archived && { archived: 'true' as const }),
      }
      const page = await client.listJobs({ query })
      if (asJson) return printJson(page)
      if (page.items.length === 0) return note('no jobs')
      print(
        table(
          ['ID', 'NAME', 'STATE', 'CRITIC', 'STEP', 'W ESTIMATE', 'ETA', 'CREATED'],
          page.items.map(row),
          [4, 5, 6],
        ),
      )
      if (page.nextCursor !== null) note(`there are more: --limit, or --cursor ${page.nextCursor}`)
    })
}

const row = (one: Job): string[] => [
  one.id,
  one.name.slice(0, 40),
  one.state,
  one.health?.state ?? '–',
  one.progress ? `${one.progress.step}${one.progress.totalSteps === null ? '' : `/${one.progress.totalSteps}`}` : '–',
  figure(one.progress?.wEstimate),
  isTerminal(one.state) ? '–' : duration(one.progress?.etaSeconds),
  one.createdAt.slice(0, 19).replace('T', ' '),
]

function healthStates(value: string): HealthState[] {
  const parsed = HealthState.array().safeParse(value.split(','))
  if (!parsed.success) throw new InvalidArgumentError(`States of a critic are: ${HealthState.options.join(', ')}.`)
  return parsed.data
}

function show(): Command {
  return new Command('show')
    .description('One job: where it is, why, and how it got there')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const { client, url } = await connect(command)
      const one = await client.getJob({ params: { id } })
      const past = await client.listEvents({ params: { id } })
      if (options.json) return printJson({ ...one, events: past.items })
      print(table([], describe(one)))
      print('')
      print(eventTable(past.items))
      note(`${url}/ui/jobs/${id}`)
    })
}

const healthLines = ({ state, reason, suggestion, sinceStep }: NonNullable<Job['health']>): string[][] => [
  ['critic', `${state} since step ${sinceStep}: ${reason}`],
  ...(suggestion === null ? [] : [['', suggestion]]),
]

const waitingLine = ({ reason, jobsAhead, eta }: NonNullable<Job['waiting']>): string =>
  `${reason}, ${jobsAhead} ahead${eta === null ? '' : `, starts about ${eta.slice(0, 16).replace('T', ' ')}`}`

const describe = (one: Job): string[][] => [
  ['id', one.id],
  ['name', one.name],
  ['state', `${one.state} (${one.reason})`],
  ...(one.message === null ? [] : [['message', one.message]]),
  ['attempt', String(one.attempt)],
  ...(one.worker === null ? [] : [['worker', one.worker]]),
  ...(one.waiting ? [['waits', waitingLine(one.waiting)]] : []),
  ...(one.startFrom === null
    ? []
    : [
        [
          'starts from',
          'weights' in one.startFrom
            ? `weights ${one.startFrom.weights}`
            : `checkpoint ${one.startFrom.checkpoint} of ${one.startFrom.jobId}`,
        ],
      ]),
  ...(one.importedFrom === null ? [] : [['imported', `job ${one.importedFrom.jobId} of ${one.importedFrom.host}`]]),
  ...(one.health === null ? [] : healthLines(one.health)),
  ['step', row(one)[4] ?? '–'],
  ['rate', one.progress?.stepsPerSecond ? `${figure(one.progress.stepsPerSecond, 2)} steps/s` : '–'],
  ['W estimate', figure(one.progress?.wEstimate)],
  ['spec', JSON.stringify(one.spec)],
]

function watch(): Command {
  return new Command('watch')
    .description('Follow a job to its end; Ctrl-C leaves it running. Exit 1 when it does not succeed')
    .argument('<id>')
    .option('--timeout <seconds>', 'give up watching after this long (exit 7)', wholeNumber(1, 31_536_000))
    .addOption(json())
    .action(async (id: string, options: { timeout?: number; json?: boolean }, command: Command) =>
      follow((await connect(command)).client, id, options),
    )
}
