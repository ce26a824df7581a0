import type { Client } from '@kantor/client'
import { JobState, PauseCheckpoint, type Sweep, type Trial, TrialSort } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { states, wholeNumber } from '../arguments.js'
import { figure, note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'
import { followSweep, progressOf } from '../watch-sweep.js'
import { submit } from './sweep-submit.js'

interface Flags {
  json?: boolean
}
const json = () => new Option('--json', 'one JSON document on stdout')

/** `kantor sweep …`: searches over hyperparameters through the API. */
export function sweep(): Command {
  const group = new Command('sweep').description('Search over hyperparameters: submit, follow and direct sweeps')
  for (const command of [submit(), list(), show(), trials(), watch(), ...verbs()]) group.addCommand(command)
  return group
}

const list = () =>
  new Command('list')
    .description('Sweeps, newest first')
    .option('--limit <count>', 'at most this many', wholeNumber(1, 200), 50)
    .option('--cursor <cursor>', 'go on after the page that named it')
    .addOption(json())
    .action(async ({ json: asJson, ...query }: Flags & { limit: number; cursor?: string }, command: Command) => {
      const { client } = await connect(command)
      const page = await client.listSweeps({ query })
      if (asJson) return printJson(page)
      if (page.items.length === 0) return note('no sweeps')
      const rows = page.items.map((one) => [
        one.id,
        one.name.slice(0, 40),
        one.state,
        progressOf(one),
        one.createdAt.slice(0, 19).replace('T', ' '),
      ])
      print(table(['ID', 'NAME', 'STATE', 'TRIALS', 'CREATED'], rows))
      if (page.nextCursor !== null) note(`there are more: --limit, or --cursor ${page.nextCursor}`)
    })

const show = () =>
  new Command('show')
    .description('One sweep: what is searched, how far it is, and the best trial')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client, url } = await connect(command)
      const one = await client.getSweep({ params: { id } })
      if (flags.json) return printJson(one)
      print(table([], describe(one)))
      note(`${url}/ui/sweeps/${id}`)
    })

const describe = (one: Sweep): string[][] => [
  ['id', one.id],
  ['name', one.name],
  ['state', one.state],
  ['trials', progressOf(one)],
  ['search', JSON.stringify(one.search)],
  ['seeds', one.seeds.join(', ') || 'searched'],
  ['at once', one.maxRunning === null ? 'as many as there are slots' : String(one.maxRunning)],
  ['objective', `${one.objective.goal} ${one.objective.metric}`],
  ...(one.best ? [['best', `${JSON.stringify(one.best.parameters)}, job ${one.best.jobId}`]] : []),
  ...one.lint.map(({ pointer, message }) => ['note', `${pointer}: ${message}`]),
  ['spec', JSON.stringify(one.spec)],
]

interface TrialFlags extends Flags {
  sort: TrialSort
  state?: JobState[]
  limit: number
}

const trials = () =>
  new Command('trials')
    .description('The trials of a sweep: parameters, state and the value of its objective')
    .argument('<id>')
    .addOption(new Option('--sort <key>', 'with - for descending').choices(TrialSort.options).default('trial'))
    .option('--state <states>', `only these, with commas between (${JobState.options.join(', ')})`, states)
    .option('--limit <count>', 'at most this many', wholeNumber(1, 1000), 1000)
    .addOption(json())
    .action(async (id: string, { json: asJson, ...query }: TrialFlags, command: Command) => {
      const { client } = await connect(command)
      const one = await client.getSweep({ params: { id } })
      const page = await client.listTrials({ params: { id }, query })
      if (asJson) return printJson(page)
      if (page.items.length === 0) return note('no trials')
      print(trialTable(one, page.items))
      if (page.nextCursor !== null) note('there are more: --limit')
    })

function trialTable({ search, objective }: Sweep, items: Trial[]): string {
  const paths = Object.keys(search.parameters)
  const head = ['TRIAL', ...paths, 'seed', 'STATE', 'STEP', objective.metric, 'JOB']
  const rows = items.map((one) => [
    String(one.trial),
    ...paths.map((path) => String(one.parameters[path] ?? '–')),
    String(one.seed),
    one.state,
    one.step === null ? '–' : `${one.step}${one.totalSteps === null ? '' : `/${one.totalSteps}`}`,
    figure(one.value),
    one.jobId,
  ])
  return table(head, rows, [0, paths.length + 3, paths.length + 4])
}

const watch = () =>
  new Command('watch')
    .description('Follow a sweep to its end; Ctrl-C leaves it running. Exit 1 when a trial failed or was cancelled')
    .argument('<id>')
    .option('--timeout <seconds>', 'give up watching after this long (exit 7)', wholeNumber(1, 1_000_000))
    .addOption(json())
    .action(async (id: string, flags: Flags & { timeout?: number }, command: Command) =>
      followSweep((await connect(command)).client, id, flags),
    )

interface VerbFlags extends Flags {
  checkpoint?: PauseCheckpoint
}

/** A command that asks the same of every trial and says what the sweep is now. */
const verb = (
  name: string,
  description: string,
  ask: (client: Client, id: string, flags: VerbFlags) => Promise<Sweep>,
) =>
  new Command(name)
    .description(description)
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, flags: VerbFlags, command: Command) => {
      const { client } = await connect(command)
      const now = await ask(client, id, flags)
      if (flags.json) return printJson(now)
      note(`${now.name} is ${now.state}: ${progressOf(now)}`)
    })

const verbs = () => [
  verb('pause', 'Pause every trial', (client, id, { checkpoint }) =>
    client.pauseSweep({ params: { id }, body: { ...(checkpoint && { checkpoint }) } }),
  ).addOption(
    new Option(
      '--checkpoint <which>',
      'save (the default): at the next step first; latest: at once, back to the newest one',
    ).choices(PauseCheckpoint.options),
  ),
  verb('resume', 'Put every paused trial back into the queue', (client, id) => client.resumeSweep({ params: { id } })),
  verb('stop', 'End every trial early with a usable model', (client, id) => client.stopSweep({ params: { id } })),
  verb('cancel', 'Cancel every trial; once more is no error', (client, id) => client.cancelSweep({ params: { id } })),
]
