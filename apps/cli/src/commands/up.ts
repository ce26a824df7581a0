import { Command } from 'commander'
import { wholeNumber } from '../arguments.js'
import { note, paint, print } from '../output.js'
import { globalsOf, settings } from '../settings.js'

/** `kantor up`: the whole stack on this machine until Ctrl-C. */
export function up(): Command {
  return new Command('up')
    .description('Run the whole stack on this machine: Postgres, API, dashboard and workers')
    .option('--workers <count>', 'worker processes', wholeNumber(0, 64), 1)
    .option('--port <port>', 'port of the API (KANTOR_PORT; 0 for any)', wholeNumber(0, 65_535))
    .action(async (options: { workers: number; port?: number }, command: Command) => {
      const env = settings(globalsOf(command), options.port === undefined ? {} : { KANTOR_PORT: String(options.port) })
      const { runStack } = await import('../stack/run-stack.js')
      await runStack(env, { workers: options.workers, note }, async (stack, stopped) => {
        print(stack.url)
        const numWorkers = stack.workers.length
        note(`${paint.bold(`${stack.url}/ui/`)}  dashboard   ${stack.url}/docs  API`)
        note(
          `${numWorkers} ${numWorkers === 1 ? 'worker' : 'workers'}; logs in ${stack.logDirectory}; Ctrl-C stops everything`,
        )
        await stopped
      })
    })
}
