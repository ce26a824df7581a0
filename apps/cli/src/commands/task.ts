// `kantor task …`: work on checkpoints that is not training.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@kantor/client'
import { type Evaluation, isFinishedTask, MetricName, metricNames, type Task, TaskState } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'
import { type NetworkFlags, uploadWeights } from './upload-weights.js'

interface Flags {
  json?: boolean
}
const LOOK_EVERY_MS = 500
const json = () => new Option('--json', 'one JSON document on stdout')

export const task = (): Command =>
  new Command('task')
    .description('Work on checkpoints that is not training')
    .addCommand(list())
    .addCommand(show())
    .addCommand(evaluate())
    .addCommand(cancel())

const evaluate = () =>
  new Command('evaluate')
    .description('Measure the images of a checkpoint against real ones; the figures join the curve of its job')
    .argument('<checkpoint>')
    .addOption(new Option('--metric <name...>', 'only these').choices(metricNames))
    .option('--images <number>', 'how many to make', wholeNumber(16, 10_000))
    .addOption(
      new Option('--weights <which>', 'of the generator, or their running mean').choices(['generator', 'average']),
    )
    .option(
      '--extractor <id or file>',
      'measure by a network of your own too: uploaded weights, or a frozen TensorFlow graph that is uploaded first',
    )
    .option('--input <node>', 'of that file: where images go in; ExpandDims otherwise')
    .option('--output <node>', 'where its features come out; pool_3 otherwise')
    .option('--size <pixels>', 'a side, to which images are resized; as they are otherwise', wholeNumber(8, 1024))
    .addOption(new Option('--range <range>', 'black and white; 0..255 otherwise').choices(['0..255', '0..1', '-1..1']))
    .option('--timeout <seconds>', 'stop waiting after so long; the task goes on', wholeNumber(1, 1_000_000))
    .addOption(json())
    .action(async (id: string, flags: EvaluateFlags, command: Command) => {
      const { client } = await connect(command)
      const { metric, images, weights } = flags
      const extractor = await extractorOf(client, flags)
      const body = {
        ...(metric && { metrics: metric }),
        ...(images !== undefined && { images }),
        ...(weights && { weights }),
        ...(extractor !== undefined && { extractor }),
      }
      const over = await untilOver(client, await client.evaluateCheckpoint({ params: { id }, body }), flags.timeout)
      if (over.state !== 'succeeded') throw new Failure('failed', describeTask(over))
      tell(over, flags)
    })

interface EvaluateFlags extends Flags, NetworkFlags {
  metric?: MetricName[]
  images?: number
  timeout?: number
  weights?: 'generator' | 'average'
  extractor?: string
}

async function extractorOf(client: Client, flags: EvaluateFlags): Promise<string | undefined> {
  const { extractor, input, output, size, range } = flags
  const network = {
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    ...(size !== undefined && { size }),
    ...(range && { range }),
  }
  if (extractor !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(extractor))
    return uploadWeights(client, extractor, network)
  if (Object.keys(network).length > 0)
    throw new Failure('usage', '--input, --output, --size and --range tell how to use a file', {
      remedy: 'Name it by --extractor; what is uploaded has its own.',
    })
  return extractor
}

const figure = (value: number) => value.toPrecision(4)

function showEvaluation({ measurements, extractors, batchNorm, batchSize, weights, warnings }: Evaluation): void {
  const rows = measurements.map((one) => [
    one.name,
    figure(one.value),
    figure(one.floor),
    figure(one.blurred),
    String(one.images),
  ])
  print(table(['METRIC', 'VALUE', 'FLOOR (REAL)', 'BLURRED REAL', 'IMAGES'], rows))
  for (const { kind, sha256, accuracy } of extractors)
    note(
      `${kind} ${sha256.slice(0, 16)}${accuracy === null ? '' : `, ${(100 * accuracy).toFixed(1)} % of held-out images right`}`,
    )
  for (const warning of warnings) note(warning)
  if (weights === 'average') note('images of the running mean of the generator')
  note(`batch norm by the statistics of each ${batchNorm === 'batch' ? `batch of ${batchSize}` : 'run'}`)
}

/** Looks at a task until it is over. Failure when that takes longer; it goes on. */
export async function untilOver(client: Client, begun: Task, timeoutSeconds = Infinity): Promise<Task> {
  const deadline = performance.now() + timeoutSeconds * 1000
  let now = begun
  while (!isFinishedTask(now.state)) {
    if (performance.now() >= deadline)
      throw new Failure('timedOut', `task ${now.id} is ${now.state} after ${timeoutSeconds} s; it goes on`, {
        remedy: `kantor task show ${now.id}`,
      })
    await sleep(LOOK_EVERY_MS)
    now = await client.getTask({ params: { id: now.id } })
  }
  return now
}

const list = () =>
  new Command('list')
    .description('Tasks, newest first')
    .addOption(new Option('--state <state>', 'only these').choices(TaskState.options))
    .option('--limit <number>', 'at most so many', wholeNumber(1, 200), 50)
    .addOption(json())
    .action(async ({ state, limit, json: asJson }: Flags & { state?: TaskState; limit: number }, command: Command) => {
      const { client } = await connect(command)
      const page = await client.listTasks({ query: { limit, ...(state && { state }) } })
      if (asJson) return printJson(page)
      if (page.items.length === 0) return note('no tasks')
      const rows = page.items.map((one) => [one.id, one.kind, one.checkpointId, one.state, one.reason, one.createdAt])
      print(table(['ID', 'KIND', 'CHECKPOINT', 'STATE', 'REASON', 'CREATED'], rows))
    })

const show = () =>
  new Command('show')
    .description('One task and its result')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client } = await connect(command)
      tell(await client.getTask({ params: { id } }), flags)
    })

const cancel = () =>
  new Command('cancel')
    .description('Cancel a task; once more is no error')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client } = await connect(command)
      tell(await client.cancelTask({ params: { id } }), flags)
    })

function tell(one: Task, flags: Flags): void {
  if (flags.json) return printJson(one)
  note(describeTask(one))
  if (one.kind === 'evaluate' && one.result) showEvaluation(one.result)
  else if (one.kind !== 'evaluate' && one.result) note(outcomeOf(one))
}

function outcomeOf(one: Exclude<Task, { kind: 'evaluate' }>): string {
  switch (one.kind) {
    case 'verify':
      return one.result?.intact ? 'the checkpoint is intact' : `the checkpoint is damaged: ${one.result?.fault}`
    case 'generate':
      return `${one.result?.numImages} images, ${one.result?.sizeBytes} bytes at ${one.result?.url}`
    case 'export':
      return `the generator as ${one.params.format}, ${one.result?.sizeBytes} bytes at ${one.result?.url}`
  }
}

export const describeTask = ({ id, kind, state, reason, message }: Task) =>
  `task ${id} (${kind}) is ${state} (${reason})${message === null ? '' : `: ${message}`}`
