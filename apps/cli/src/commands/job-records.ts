// `kantor job events` and `kantor job attempts`: what happened to a job, and what it cost.
import type { Attempt, JobEvent } from '@kantor/contracts'
import { Command } from 'commander'
import { duration, figure, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'

const moment = (iso: string) => iso.slice(0, 19).replace('T', ' ')

export const eventTable = (events: readonly JobEvent[]): string =>
  table(
    ['WHEN', 'FROM', 'TO', 'REASON', 'BY', 'MESSAGE'],
    events.map(({ at, from, to, reason, actor, message }) => [
      moment(at),
      from ?? '',
      to,
      reason,
      actor,
      message ?? '',
    ]),
  )

export const events = (): Command =>
  new Command('events')
    .description('Every transition of a job, oldest first')
    .argument('<id>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listEvents({ params: { id } })
      return flags.json ? printJson({ items }) : print(eventTable(items))
    })

export const attempts = (): Command =>
  new Command('attempts')
    .description('Every attempt at a job, oldest first: where it ran, what it did, what it used')
    .argument('<id>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listAttempts({ params: { id } })
      if (flags.json) return printJson({ items })
      print(attemptTable(items))
    })

export const attemptTable = (items: readonly Attempt[]): string =>
  table(
    ['NO', 'BEGAN', 'HOST', 'DEVICE', 'STEPS', 'TIME', 'CPU', 'ENDED', 'REASON', 'EXIT', 'FENCED WRITES'],
    items.map(row),
    [0, 5, 6],
  )

const row = ({
  attempt,
  startedAt,
  host,
  device,
  fromStep,
  toStep,
  usage,
  outcome,
  reason,
  exit,
  fencedWrites,
}: Attempt): string[] => [
  String(attempt),
  moment(startedAt),
  host ?? '–',
  device ?? '–',
  `${fromStep}–${toStep ?? fromStep}`,
  duration(usage.seconds),
  usage.cpuSeconds === null ? '–' : `${figure(usage.cpuSeconds, 0)}s`,
  outcome ?? 'runs',
  reason ?? '',
  exit === null ? '' : (exit.signal ?? String(exit.code)),
  fencedWrites === 0 ? '' : String(fencedWrites),
]
