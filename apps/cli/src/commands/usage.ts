// `kantor usage`: what jobs took of the machines.
import { UsageGroup } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { duration, note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'

interface Flags {
  by: UsageGroup[]
  from?: string
  to?: string
  json?: boolean
}

export const usage = (): Command =>
  new Command('usage')
    .description('Machine time of all jobs, the most first')
    .addOption(
      new Option('--by <criteria>', `with commas between: ${UsageGroup.options.join(', ')}`)
        .argParser(criteria)
        .default(['key', 'deviceClass'], 'key,deviceClass'),
    )
    .option('--from <time>', 'what was used after this, such as 2026-01-31T00:00:00Z')
    .option('--to <time>', 'what was used before this')
    .option('--json', 'one JSON document on stdout')
    .action(async ({ by, from, to, json }: Flags, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.getUsage({
        query: { groupBy: by, ...(from !== undefined && { from }), ...(to !== undefined && { to }) },
      })
      if (json) return printJson({ items })
      if (items.length === 0) return note('nothing ran')
      const rows = items.map(({ group, jobs, attempts, seconds, gpuSeconds, cpuSeconds }) => [
        ...by.map((name) => group[name] ?? '–'),
        String(jobs),
        String(attempts),
        duration(seconds),
        duration(gpuSeconds),
        duration(cpuSeconds),
      ])
      const numbers = ['JOBS', 'ATTEMPTS', 'TIME', 'GPU', 'CPU']
      const head = [...by.map((name) => name.toUpperCase()), ...numbers]
      print(
        table(
          head,
          rows,
          numbers.map((_, i) => by.length + i),
        ),
      )
    })

function criteria(value: string): UsageGroup[] {
  const parsed = UsageGroup.array().safeParse(value.split(','))
  if (!parsed.success) throw new InvalidArgumentError(`Criteria are: ${UsageGroup.options.join(', ')}.`)
  return parsed.data
}
