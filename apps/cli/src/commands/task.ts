// `kantor task …` and `kantor checkpoint verify`: work on a checkpoint that is not training.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@kantor/client'
import { isFinishedTask, type Task, TaskState } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'

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
    .addCommand(cancel())

export const checkpoint = (): Command => new Command('checkpoint').description('Checkpoints').addCommand(verify())

const verify = () =>
  new Command('verify')
    .description('Have a worker read the object again and compare size and hash; exit code 1 when it is damaged')
    .argument('<id>')
    .option('--timeout <seconds>', 'stop waiting after so long; the task goes on', wholeNumber(1, 1_000_000))
    .addOption(json())
    .action(async (id: string, flags: Flags & { timeout?: number }, command: Command) => {
      const { client } = await connect(command)
      const begun = await client.verifyCheckpoint({ params: { id } })
      const over = await untilOver(client, begun, flags.timeout)
      if (flags.json) printJson(over)
      if (over.state !== 'succeeded') throw new Failure('failed', describe(over))
      if (over.result?.intact !== true)
        throw new Failure('failed', `checkpoint ${id} is damaged: ${over.result?.fault ?? 'no result'}`, {
          remedy: 'It was put aside; nothing resumes from it any more.',
        })
      note(`checkpoint ${id} is intact: ${over.result.sizeBytes} bytes, sha256 ${over.result.sha256}`)
    })

async function untilOver(client: Client, begun: Task, timeoutSeconds = Infinity): Promise<Task> {
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
  note(describe(one))
  if (one.result)
    note(one.result.intact ? 'the checkpoint is intact' : `the checkpoint is damaged: ${one.result.fault}`)
}

const describe = ({ id, kind, state, reason, message }: Task) =>
  `task ${id} (${kind}) is ${state} (${reason})${message === null ? '' : `: ${message}`}`
