import { type CreateSweepInput, isObject, layer, type ParameterValue } from '@kantor/contracts'
import type { Client } from '@kantor/client'
import { Command, InvalidArgumentError, Option } from 'commander'
import { change, parsed, wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { duration, note, print, printJson, size, table } from '../output.js'
import { readJson } from '../read-json.js'
import { connect } from '../settings.js'
import { followSweep } from '../watch-sweep.js'

type Grid = Record<string, { values: ParameterValue[] }>

interface Flags {
  grid?: Grid
  set: Record<string, unknown>
  name?: string
  seeds?: number
  maxRunning?: number
  wait?: boolean
  dryRun?: boolean
  idempotencyKey?: string
  json?: boolean
}

/** `kantor sweep submit`: a search from a file, or a grid from options. */
export const submit = (): Command =>
  new Command('submit')
    .description('Submit a search over hyperparameters, its trials all or none; prints its id')
    .argument('[file]', 'JSON body of POST /sweeps, or with --grid of POST /jobs; - for stdin')
    .option('--grid <path=values>', 'every combination of values, such as batchSize=32,64; may be repeated', axis)
    .option('--set <key=value>', 'of the spec of every trial, such as dataset=mnist; may be repeated', change, {})
    .option('--name <name>', 'instead of the name in the file')
    .option('--seeds <count>', 'every configuration runs with as many seeds', wholeNumber(1, 1000))
    .option('--max-running <count>', 'trials at work at once', wholeNumber(1, 1000))
    .option('--idempotency-key <key>', 'repeated with the same key and request, it submits once and prints the same id')
    .option('--dry-run', 'submit nothing; tell how many trials there would be and what they come to')
    .option('--wait', 'follow the sweep to its end; exit 1 when a trial failed or was cancelled')
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .action(async (file: string | undefined, flags: Flags, command: Command) => {
      const body = await bodyOf(file, flags)
      const { client, url } = await connect(command)
      if (flags.dryRun) return forecast(client, body, flags)
      const { idempotencyKey } = flags
      const sweep = await client.createSweep({ body, ...(idempotencyKey !== undefined && { idempotencyKey }) })
      note(`${sweep.name} has ${sweep.trials} trials: ${url}/ui/sweeps/${sweep.id}`)
      for (const { pointer, message } of sweep.lint) note(`note: ${pointer}: ${message}`)
      if (!flags.wait) return flags.json ? printJson(sweep) : print(sweep.id)
      if (!flags.json) print(sweep.id)
      await followSweep(client, sweep.id, { ...(flags.json && { json: true }) })
    })

async function forecast(client: Client, body: CreateSweepInput, { wait, json }: Flags): Promise<void> {
  if (wait) throw new Failure('usage', '--dry-run submits nothing that could be waited for: leave --wait')
  const plan = await client.createSweep({ body, query: { dryRun: 'true' } })
  if (json) return printJson(plan)
  const { operations, deviceSeconds, storageBytes } = plan.estimate
  const rows = [
    [
      'trials',
      `${plan.trials}: ${plan.configurations} configurations${plan.seeds.length > 1 ? ` × ${plan.seeds.length} seeds` : ''}`,
    ],
    ['operations', operations === null ? '–' : operations.toExponential(1).replace('e+', 'e')],
    [
      'duration',
      deviceSeconds === null
        ? 'unknown: no attempt has told of a speed yet'
        : `${duration(deviceSeconds)} on one device`,
    ],
    ['storage', storageBytes === null ? '–' : size(storageBytes)],
  ]
  const shown = plan.first.map((one) =>
    Object.entries(one)
      .map(([path, value]) => `${path}=${JSON.stringify(value)}`)
      .join(' '),
  )
  const more = plan.configurations - shown.length
  print([table(['', ''], rows).trim(), ...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n'))
  for (const { pointer, message } of plan.lint) note(`note: ${pointer}: ${message}`)
}

/** What the options say goes over what the file says. */
async function bodyOf(
  file: string | undefined,
  { grid, set, name, seeds, maxRunning }: Flags,
): Promise<CreateSweepInput> {
  const given = file === undefined ? {} : await readJson(file)
  if (!isObject(given)) throw new Failure('usage', 'a sweep is one JSON object, not a list')
  if (grid === undefined && given['search'] === undefined)
    throw new Failure('usage', 'nothing is searched: give a file with "search", or --grid path=value,value')
  const options = { name, seeds, maxRunning, search: grid && { kind: 'grid', parameters: grid } }
  const said = Object.entries(options).filter(([, value]) => value !== undefined)
  const spec = isObject(given['spec']) ? given['spec'] : {}
  return { ...given, spec: layer(spec, set), ...Object.fromEntries(said) } as CreateSweepInput
}

/** `a.b=1,2` into `{'a.b': {values: [1, 2]}}`; what is not JSON is text. */
function axis(given: string, before: Grid = {}): Grid {
  const [, path, list] = /^([A-Za-z][\w.]*)=(.+)$/s.exec(given) ?? []
  if (path === undefined || list === undefined)
    throw new InvalidArgumentError('It must read path=value,value, such as batchSize=32,64.')
  return { ...before, [path]: { values: list.split(',').map((value) => parsed(value) as ParameterValue) } }
}
