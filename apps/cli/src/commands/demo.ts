import { resolve } from 'node:path'
import { Command } from 'commander'
import { exitCodes } from '../failure.js'
import { note, paint, print } from '../output.js'
import { globalsOf, settings } from '../settings.js'

/** Beside the data of `kantor up`, so that a demo never touches real jobs. */
const DEMO_DATA_DIR = '.kantor/demo'

/** `kantor demo`: the whole stack, one WGAN trained on MNIST, and what came of it. */
export function demo(): Command {
  return new Command('demo')
    .description('Run the whole stack, train a WGAN on MNIST, and judge its samples; the last line is one JSON object')
    .option('--keep', 'leave the stack running afterwards')
    .action(async (options: { keep?: boolean }, command: Command) => {
      const globals = globalsOf(command)
      const dataDir = globals.dataDir ?? process.env['KANTOR_DATA_DIR'] ?? resolve(DEMO_DATA_DIR)
      const env = settings({ ...globals, dataDir })
      const { runDemo } = await import('../demo/run-demo.js')
      const { runStack } = await import('../stack/run-stack.js')
      const whenInterrupted = 'interrupted; the same command goes on where it stopped'
      const result = await runStack(env, { workers: 1, note, whenInterrupted }, async (stack, stopped, signal) => {
        const outcome = await runDemo(stack, env, signal)
        if (options.keep) {
          note(`${paint.bold(`${stack.url}/ui/jobs/${outcome.jobId}`)}  Ctrl-C stops everything`)
          await stopped
        }
        return outcome
      })
      print(JSON.stringify(result))
      if (!result.pass) process.exit(exitCodes.failed)
    })
}
