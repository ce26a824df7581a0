import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { alert } from './commands/alert.js'
import { checkpoint } from './commands/checkpoint.js'
import { dataset } from './commands/dataset.js'
import { demo } from './commands/demo.js'
import { doctor } from './commands/doctor.js'
import { job } from './commands/job.js'
import { key } from './commands/key.js'
import { paper } from './commands/paper.js'
import { parity } from './commands/parity.js'
import { sweep } from './commands/sweep.js'
import { task } from './commands/task.js'
import { up } from './commands/up.js'
import { usage } from './commands/usage.js'
import { webhook } from './commands/webhook.js'
import { worker } from './commands/worker.js'
import { exitCodes, explain } from './failure.js'
import { note, noteProblem } from './output.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const program = new Command('kantor')
  .description('A self-hosted training service for Wasserstein GANs')
  .version(version)
  .option('--url <address>', 'API to talk to (KANTOR_URL; default: the stack of the data directory)')
  .option('--api-key-file <file>', 'file that holds the API key (KANTOR_API_KEY)')
  .option('--data-dir <directory>', 'where a local stack keeps its data (KANTOR_DATA_DIR; default ./.kantor)')
  .option('--no-color', 'plain text (NO_COLOR)')
  .showHelpAfterError('(--help lists what there is)')
  .addHelpText(
    'after',
    `
Data goes to stdout, everything else to stderr. Exit codes:
  0 ok   1 failed   2 usage   3 not found   4 not allowed   5 conflict   6 unreachable   7 timed out   78 environment   130 interrupted`,
  )

// Commands load databases and images in their actions: help and typing errors should answer at once.
for (const command of [
  up,
  demo,
  job,
  sweep,
  checkpoint,
  task,
  dataset,
  worker,
  alert,
  webhook,
  usage,
  key,
  doctor,
  parity,
  paper,
])
  program.addCommand(command())
throwInsteadOfExit(program)

// `kantor job list | head -1` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed),
)

try {
  await program.parseAsync()
} catch (error) {
  process.exit(report(error))
}
// Explicitly: a library's idle timer or keep-alive socket must not hold the shell.
process.exit()

function report(error: unknown): number {
  // Commander has already said what is wrong; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  const { code, lines } = explain(error)
  const [first, ...rest] = lines
  noteProblem(first ?? '')
  for (const line of rest) note(line)
  return code
}

/** Settings are not inherited by commands that were made elsewhere. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showSuggestionAfterError()
  for (const child of command.commands) throwInsteadOfExit(child)
}
