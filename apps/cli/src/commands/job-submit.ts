import type { Client } from '@kantor/client'
import { Command, Option } from 'commander'
import { Failure } from '../failure.js'
import { note, print, printJson } from '../output.js'
import { readJson } from '../read-json.js'
import { connect } from '../settings.js'
import { follow } from '../watch.js'
import { findingLine, planTable } from './plan-table.js'
import { uploadWeights } from './upload-weights.js'

interface Options {
  name?: string
  startFrom?: string
  wait?: boolean
  idempotencyKey?: string
  dryRun?: boolean
  json?: boolean
}

/** `kantor job submit`: one job, or as many as the file lists. */
export function submit(): Command {
  return new Command('submit')
    .description('Submit a job, or a list of them, all or none; prints the ids')
    .argument('<file>', 'JSON body of POST /jobs, or a list of such bodies, or - for stdin')
    .option('--name <name>', 'instead of the name in the file')
    .option('--start-from <file>', 'upload this safetensors file of weights first, and begin with them')
    .option('--idempotency-key <key>', 'repeated with the same key and file, it submits once and prints the same ids')
    .option('--dry-run', 'store nothing: show the resolved spec, what it takes, how long, and what is unwise in it')
    .option('--wait', 'follow the job to its end; exit 1 when it does not succeed')
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .action(async (file: string, options: Options, command: Command) => {
      const content = await readJson(file)
      if (options.dryRun) await plan(content, options, command)
      else if (Array.isArray(content)) await submitBatch(content, options, command)
      else await submitOne(content, options, command)
    })
}

const once = ({ idempotencyKey }: Options) => (idempotencyKey === undefined ? {} : { idempotencyKey })

/** The body, with what the options say; weights are uploaded on the way, and are the same ones when they were there before. */
async function bodyOf(client: Client, content: object, { name, startFrom }: Options): Promise<never> {
  const start = startFrom === undefined ? {} : { startFrom: { weights: await uploadWeights(client, startFrom) } }
  return { ...content, ...(name !== undefined && { name }), ...start } as never
}

async function plan(content: object, options: Options, command: Command): Promise<void> {
  if (Array.isArray(content)) throw new Failure('usage', '--dry-run takes one job, not a list')
  if (options.wait) throw new Failure('usage', '--dry-run submits nothing that could be waited for: leave --wait')
  const { client } = await connect(command)
  const planned = await client.createJob({ body: await bodyOf(client, content, options), query: { dryRun: 'true' } })
  if (options.json) printJson(planned)
  else print(planTable(planned))
}

async function submitOne(content: object, options: Options, command: Command): Promise<void> {
  const { client, url } = await connect(command)
  const created = await client.createJob({ body: await bodyOf(client, content, options), ...once(options) })
  for (const finding of created.lint) note(findingLine(finding))
  note(`${created.name} is ${created.state}: ${url}/ui/jobs/${created.id}`)
  if (!options.wait) return options.json ? printJson(created) : print(created.id)
  if (!options.json) print(created.id)
  await follow(client, created.id, options)
}

async function submitBatch(jobs: unknown[], options: Options, command: Command): Promise<void> {
  if (options.wait || options.name !== undefined || options.startFrom !== undefined)
    throw new Failure(
      'usage',
      'a list of jobs has a name and a start in each of them, and is not waited for: leave --name, --start-from and --wait',
    )
  const { client, url } = await connect(command)
  const created = await client.createJobs({ body: { jobs } as never, ...once(options) })
  note(`${created.items.length} jobs are queued: ${url}/ui/`)
  if (options.json) return printJson(created)
  for (const { id } of created.items) print(id)
}
