// `kantor webhook …`: who is told of what happens to jobs.
import { WebhookDelivery, WebhookEvent } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { connect } from '../settings.js'

export const webhook = (): Command =>
  new Command('webhook')
    .description('Addresses that are told of what happens to jobs, in signed requests; needs a key of scope admin')
    .addCommand(list())
    .addCommand(add())
    .addCommand(remove())
    .addCommand(test())
    .addCommand(deliveries())

const json = () => new Option('--json', 'one JSON document on stdout')

const list = () =>
  new Command('list')
    .description('Every webhook, oldest first')
    .addOption(json())
    .action(async (options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listWebhooks()
      if (options.json) return printJson({ items })
      if (items.length === 0) return note('no webhooks')
      const rows = items.map(({ id, url, active, events }) => [id, url, active ? 'yes' : 'no', events.join(', ')])
      print(table(['ID', 'ADDRESS', 'ACTIVE', 'EVENTS'], rows))
    })

function eventNames(value: string): WebhookEvent[] {
  const parsed = WebhookEvent.array().min(1).safeParse(value.split(','))
  if (!parsed.success) throw new InvalidArgumentError(`Events are: ${WebhookEvent.options.join(', ')}.`)
  return parsed.data
}

const add = () =>
  new Command('add')
    .description('Have events sent to an address; the secret that signs them is printed once')
    .argument('<url>')
    .option('--events <events>', `with commas between (${WebhookEvent.options.join(', ')})`, eventNames)
    .addOption(json())
    .action(async (url: string, options: { events?: WebhookEvent[]; json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const made = await client.createWebhook({ body: { url, ...(options.events && { events: options.events }) } })
      if (options.json) return printJson(made)
      note(`webhook ${made.id} is told of ${made.events.join(', ')}; its secret is shown only now:`)
      print(made.secret ?? '')
    })

const remove = () =>
  new Command('remove')
    .description('Delete a webhook with all its deliveries')
    .argument('<id>')
    .action(async (id: string, _options: object, command: Command) => {
      const { client } = await connect(command)
      await client.deleteWebhook({ params: { id } })
      note(`webhook ${id} is deleted`)
    })

const test = () =>
  new Command('test')
    .description('Send it one event now; exit code 1 when that is no success')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const answer = await client.testWebhook({ params: { id } })
      if (options.json) printJson(answer)
      if (!answer.ok) throw new Failure('failed', answer.error ?? `answered ${answer.status}`)
      note(`answered ${answer.status} after ${answer.milliseconds} ms`)
    })

interface DeliveryOptions {
  state?: WebhookDelivery['state']
  limit: number
  json?: boolean
}

const deliveries = () =>
  new Command('deliveries')
    .description('The newest deliveries of a webhook')
    .argument('<id>')
    .addOption(new Option('--state <state>', 'only these').choices(WebhookDelivery.shape.state.options))
    .option('--limit <count>', 'at most this many', wholeNumber(1, 200), 50)
    .addOption(json())
    .action(async (id: string, { json: asJson, ...query }: DeliveryOptions, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listDeliveries({ params: { id }, query })
      if (asJson) return printJson({ items })
      if (items.length === 0) return note('no deliveries')
      const rows = items.map((one) => [
        one.createdAt,
        one.event,
        one.jobId,
        one.state,
        String(one.tries),
        one.error ?? String(one.status ?? '–'),
      ])
      print(table(['CREATED', 'EVENT', 'JOB', 'STATE', 'TRIES', 'ANSWER'], rows, [4]))
    })
