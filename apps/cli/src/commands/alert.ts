// `kantor alert …`: rules that watch jobs, and what they found.
import { AlertCondition, type AlertRule, SeriesName } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'

export const alert = (): Command =>
  new Command('alert')
    .description('Rules that watch all jobs; what they find goes to webhooks, the job’s events and its curve')
    .addCommand(list())
    .addCommand(add())
    .addCommand(remove())
    .addCommand(fired())

const json = () => new Option('--json', 'one JSON document on stdout')

const list = () =>
  new Command('list')
    .description('Every rule, oldest first')
    .addOption(json())
    .action(async (options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listAlertRules()
      if (options.json) return printJson({ items })
      if (items.length === 0) return note('no alert rules')
      print(table(['ID', 'NAME', 'ACTIVE', 'WHEN'], items.map(row)))
    })

const row = ({ id, name, active, condition }: AlertRule) => [id, name, active ? 'yes' : 'no', describe(condition)]

function describe(condition: AlertCondition): string {
  switch (condition.kind) {
    case 'threshold':
      return `${condition.metric} ${condition.op} ${condition.value} (median of ${condition.points})`
    case 'change':
      return `${condition.direction} of ${condition.metric} by more than ${condition.by} (medians of ${condition.points})`
    case 'state':
      return `ends ${condition.states.join(' or ')}`
    case 'stalled':
      return `no step for ${condition.seconds} s`
  }
}

interface AddOptions {
  above?: number
  below?: number
  rise?: number
  fall?: number
  metric: SeriesName
  points?: number
  state?: string
  stalled?: number
  json?: boolean
}

const number = (value: string) => {
  if (value.trim() === '' || !Number.isFinite(Number(value))) throw new InvalidArgumentError('It must be a number.')
  return Number(value)
}

const add = () =>
  new Command('add')
    .description('Watch all jobs for one thing')
    .argument('<name>')
    .option('--above <value>', 'the metric’s newest median lies above', number)
    .option('--below <value>', 'the metric’s newest median lies below', number)
    .option('--rise <difference>', 'it rose by more than this', number)
    .option('--fall <difference>', 'it fell by more than this', number)
    .addOption(new Option('--metric <series>', 'of the curve').choices(SeriesName.options).default('w_estimate'))
    .option('--points <count>', 'newest points that are judged; 101 unless told', wholeNumber(1, 1000))
    .option('--state <states>', 'a job ended so: succeeded, stopped, cancelled, failed, with commas between')
    .option('--stalled <seconds>', 'a running job told of no new step for so long', wholeNumber(10, 604_800))
    .addOption(json())
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { client } = await connect(command)
      const rule = await client.createAlertRule({ body: { name, condition: conditionOf(options) } })
      if (options.json) return printJson(rule)
      print(rule.id)
      note(`${rule.name}: ${describe(rule.condition)}`)
    })

/** Exactly one thing is watched for. */
function conditionOf({ above, below, rise, fall, metric, points, state, stalled }: AddOptions): AlertCondition {
  const of = { metric, ...(points !== undefined && { points }) }
  const asked = [
    above !== undefined && { kind: 'threshold', op: 'above', value: above, ...of },
    below !== undefined && { kind: 'threshold', op: 'below', value: below, ...of },
    rise !== undefined && { kind: 'change', direction: 'rise', by: rise, ...of },
    fall !== undefined && { kind: 'change', direction: 'fall', by: fall, ...of },
    state !== undefined && { kind: 'state', states: state.split(',') },
    stalled !== undefined && { kind: 'stalled', seconds: stalled },
  ].filter((condition) => condition !== false)
  if (asked.length !== 1)
    throw new Failure('usage', 'give one of --above, --below, --rise, --fall, --state and --stalled')
  const condition = AlertCondition.safeParse(asked[0])
  if (condition.success) return condition.data
  throw new Failure(
    'usage',
    condition.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
  )
}

const remove = () =>
  new Command('remove')
    .description('Delete a rule with its alerts; the marks and events of jobs stay')
    .argument('<id>')
    .action(async (id: string, _options: object, command: Command) => {
      const { client } = await connect(command)
      await client.deleteAlertRule({ params: { id } })
      note(`alert rule ${id} is deleted`)
    })

const fired = () =>
  new Command('fired')
    .description('The newest alerts of a rule')
    .argument('<id>')
    .option('--limit <count>', 'at most this many', wholeNumber(1, 200), 50)
    .addOption(json())
    .action(async (id: string, { limit, json: asJson }: { limit: number; json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listAlerts({ params: { id }, query: { limit } })
      if (asJson) return printJson({ items })
      if (items.length === 0) return note('it has found nothing yet')
      const rows = items.map(({ firedAt, jobId, step, message }) => [firedAt, jobId, String(step), message])
      print(table(['FIRED', 'JOB', 'STEP', 'WHAT'], rows, [2]))
    })
