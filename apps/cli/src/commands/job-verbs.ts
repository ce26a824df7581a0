// `kantor job pause`, `stop`, `fork` …: what can be asked of a job that exists.
import { type Client, ClientError } from '@kantor/client'
import { type ForkJob, type Job, PauseCheckpoint } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { change, wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson } from '../output.js'
import { connect } from '../settings.js'

type Flags = { json?: boolean }
type Ask<F> = (client: Client, id: string, flags: F) => Promise<Job>

/** A command that asks one thing of one job and says what the job is now. */
function verb<F extends Flags>(name: string, description: string, ask: Ask<F>): Command {
  return new Command(name)
    .description(description)
    .argument('<id>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: F, command: Command) => {
      const { client } = await connect(command)
      const job = await ask(client, id, flags)
      if (flags.json) return printJson(job)
      note(`${job.name} is ${job.state}${job.message === null ? '' : `: ${job.message}`}`)
    })
}

/** The same for a verb that makes a new job: its id goes to stdout. */
function successor<F extends Flags>(name: string, description: string, ask: Ask<F>): Command {
  return new Command(name)
    .description(`${description}; prints the new job's id`)
    .argument('<id>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: F, command: Command) => {
      const { client, url } = await connect(command)
      const job = await ask(client, id, flags)
      note(`${job.name} is ${job.state}: ${url}/ui/jobs/${job.id}`)
      return flags.json ? printJson(job) : print(job.id)
    })
}

export const verbs = (): Command[] => [
  pause(),
  verb('resume', 'Put a paused job back into the queue', (client, id) => client.resumeJob({ params: { id } })),
  verb('stop', 'End a job early with a usable model', (client, id) => client.stopJob({ params: { id } })),
  verb('cancel', 'Cancel a job; once more is no error', (client, id) => client.cancelJob({ params: { id } })),
  successor('retry', 'A new job that goes on where one failed, was stopped or cancelled', (client, id) =>
    client.retryJob({ params: { id } }),
  ),
  fork(),
  verb('archive', 'Leave a job that is over out of the lists', (client, id) => client.archiveJob({ params: { id } })),
  verb('unarchive', 'Put an archived job back into the lists', (client, id) => client.unarchiveJob({ params: { id } })),
  set(),
  remove(),
]

const pause = () =>
  verb<Flags & { checkpoint: PauseCheckpoint }>('pause', 'Pause a job', (client, id, { checkpoint }) =>
    client.pauseJob({ params: { id }, body: { checkpoint } }),
  ).addOption(
    new Option('--checkpoint <which>', 'save: at the next step first; latest: at once, back to the newest one')
      .choices(PauseCheckpoint.options)
      .default('save'),
  )

interface ForkFlags extends Flags {
  checkpoint?: string
  name?: string
  set: Record<string, unknown>
}

const fork = () =>
  successor<ForkFlags>('fork', 'A new job that starts from a checkpoint of this one', (client, id, flags) => {
    const { checkpoint, name, set: spec } = flags
    const body = { ...(checkpoint !== undefined && { checkpoint }), ...(name !== undefined && { name }), spec }
    return client.forkJob({ params: { id }, body: body as ForkJob })
  })
    .option('--checkpoint <id>', 'instead of the newest one')
    .option('--name <name>', 'instead of the name of this job')
    .option(
      '--set <key=value>',
      'a change to the spec, such as budget.generatorSteps=20000; may be repeated',
      change,
      {},
    )

interface SetFlags extends Flags {
  name?: string
  notes?: string
  priority?: number
  tag?: Record<string, string>
  untag?: string[]
}

const MAX_TRIES = 5

const set = () =>
  verb<SetFlags>('set', 'Change name, notes, priority or tags', async (client, id, flags) => {
    const { name, notes, priority, tag, untag } = flags
    const changes = Object.fromEntries(
      Object.entries({ name, notes, priority }).filter(([, value]) => value !== undefined),
    )
    if (Object.keys(changes).length === 0 && !tag && !untag)
      throw new Failure('usage', 'nothing to change: give --name, --priority …')
    if (!tag && !untag) return client.patchJob({ params: { id }, body: changes })
    for (let tries = 1; ; tries++) {
      const { tags, revision } = await client.getJob({ params: { id } })
      const merged = Object.entries({ ...tags, ...tag }).filter(([key]) => !untag?.includes(key))
      const body = { ...changes, tags: Object.fromEntries(merged) }
      try {
        return await client.patchJob({ params: { id }, body, ifRevision: revision })
      } catch (error) {
        // Somebody else changed it in between: lay the tags over what it is now.
        if (tries === MAX_TRIES || !(error instanceof ClientError) || error.code !== 'precondition-failed') throw error
      }
    }
  })
    .option('--name <name>')
    .option('--notes <text>')
    .option('--priority <number>', '1 to 1000; a lower number starts sooner', wholeNumber(1, 1000))
    .option('--tag <key=value>', 'add or replace a tag; may be repeated', tagged)
    .option('--untag <key>', 'remove a tag; may be repeated', (key: string, keys: string[] | undefined) => [
      ...(keys ?? []),
      key,
    ])

function tagged(given: string, tags: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(given) ?? []
  if (key === undefined) throw new InvalidArgumentError('It must read key=value.')
  return { ...tags, [key]: value ?? '' }
}

const remove = () =>
  new Command('delete')
    .description('Delete a job that is over, with its curve, samples and checkpoints')
    .argument('<id>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client } = await connect(command)
      const answer = await client.deleteJob({ params: { id } })
      return flags.json ? printJson(answer) : note(`job ${id} is deleted`)
    })
