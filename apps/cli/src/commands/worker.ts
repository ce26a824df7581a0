import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repoRoot } from '@kantor/runtime'
import type { Worker } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { exitCodes } from '../failure.js'
import { duration, note, print, printJson, size, table } from '../output.js'
import { connect, databaseUrlFor, globalsOf, settings } from '../settings.js'

/** `kantor worker`: one more worker, on the services that the environment names or on the local stack's; below it, the fleet. */
export function worker(): Command {
  const group = new Command('worker')
    .description('Run one worker (DATABASE_URL, REDIS_URL, S3_*, KANTOR_DEVICE, KANTOR_SLOTS; or join the local stack)')
    .action(async (_options: object, command: Command) => {
      const env = settings(globalsOf(command))
      const child = fork(join(repoRoot(), 'apps/worker/dist/main.js'), [], {
        // The channel tells the worker when we are gone without a word (kill -9): it then hands its jobs back and leaves.
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
        // A group of its own: a terminal's Ctrl-C must reach it once, through us, as the signal that means "checkpoint and go".
        detached: true,
        env: { ...process.env, DATABASE_URL: await databaseUrlFor(env), KANTOR_DATA_DIR: env.dataDir },
      })
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'))
      const [code] = (await once(child, 'exit')) as [number | null]
      process.exit(code ?? exitCodes.failed)
    })
  return group.addCommand(list()).addCommand(drain()).addCommand(enable())
}

const json = () => new Option('--json', 'one JSON document on stdout')

function list(): Command {
  return new Command('list')
    .description('Workers: device, slots, state')
    .addOption(json())
    .action(async (options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listWorkers()
      if (options.json) return printJson({ items })
      if (items.length === 0) return note('no workers: start one with `kantor worker`')
      const rows = items.map((one) => [
        one.id,
        one.host,
        one.state,
        `${one.deviceClass} (${one.device})`,
        size(one.memoryBytes),
        `${one.busy}/${one.slots}`,
        one.determinism ?? '–',
        duration(one.heartbeatAgeSeconds),
      ])
      print(table(['ID', 'HOST', 'STATE', 'DEVICE', 'MEMORY', 'BUSY', 'DETERMINISM', 'HEARTBEAT'], rows, [4, 5, 7]))
      for (const { id, message } of items) if (message !== null) note(`${id}: ${message}`)
    })
}

function drain(): Command {
  return new Command('drain')
    .description('Give a worker no new jobs; what it runs goes on')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      tell(await client.drainWorker({ params: { id } }), options)
    })
}

function enable(): Command {
  return new Command('enable')
    .description('Give a drained worker jobs again')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      tell(await client.enableWorker({ params: { id } }), options)
    })
}

function tell(told: Worker, options: { json?: boolean }): void {
  if (options.json) printJson(told)
  else note(`${told.id} is ${told.state} and runs ${told.busy} of ${told.slots}`)
}
