import { isTerminal, LogLevel, type LogLine } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { note, onOneLine, print } from '../output.js'
import { connect } from '../settings.js'

interface LogsOptions {
  follow?: boolean
  attempt?: number
  tail: number
  grep?: string
  level?: LogLevel
  json?: boolean
}

/** Seconds that a following request waits for a line. */
const WAIT_SECONDS = 20

/** `kantor job logs`: what a job's trainers printed and told. */
export function logs(): Command {
  return new Command('logs')
    .description('What the trainers of a job printed; -f follows until the job is over')
    .argument('<id>')
    .option('-f, --follow', 'wait for further lines')
    .option('--attempt <number>', 'only this attempt', wholeNumber(1, 2 ** 31 - 1))
    .option('--tail <lines>', 'begin with the newest so many', wholeNumber(1, 2000), 200)
    .option('--grep <text>', 'only lines that hold this text, whatever the case')
    .addOption(new Option('--level <level>', 'only these and more serious ones').choices(LogLevel.options))
    .addOption(new Option('--json', 'one JSON document per line'))
    .action(async (id: string, options: LogsOptions, command: Command) => {
      const { client } = await connect(command)
      const filter = {
        ...(options.attempt !== undefined && { attempt: options.attempt }),
        ...(options.grep !== undefined && { q: options.grep }),
        ...(options.level !== undefined && { level: options.level }),
      }
      const show = (line: LogLine) => print(options.json ? JSON.stringify(line) : formatLine(line))
      let reply = await client.getLogs({ params: { id }, query: { ...filter, tail: options.tail } })
      reply.items.forEach(show)
      if (reply.dropped > 0) note(`${reply.dropped} lines between the first and the newest of an attempt are not kept`)
      while (options.follow && !(reply.complete && reply.items.length === 0)) {
        reply = await client.getLogs({ params: { id }, query: { ...filter, after: reply.cursor, wait: WAIT_SECONDS } })
        reply.items.forEach(show)
      }
      if (options.follow) {
        const job = await client.getJob({ params: { id } })
        if (isTerminal(job.state)) note(`${job.name} ${job.state} (${job.reason})`)
      }
    })
}

/** One line for a person: when, which attempt, how serious, what. */
export const formatLine = ({ at, attempt, level, text }: LogLine): string =>
  `${at.slice(0, 19).replace('T', ' ')}  #${attempt}  ${level.padEnd(5)}  ${onOneLine(text)}`
