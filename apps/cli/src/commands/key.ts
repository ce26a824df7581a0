import { type KeyQuotas, Scope } from '@kantor/contracts'
import type { Database } from '@kantor/db'
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { databaseUrlFor, globalsOf, settings } from '../settings.js'

const MOST_JOBS = 1_000_000
const MOST_PETA_OPERATIONS = 1e9

/** `kantor key …`: API keys, straight in the database. */
export function key(): Command {
  const group = new Command('key').description('API keys (DATABASE_URL or a running local stack)')
  group.addCommand(create())
  group.addCommand(list())
  group.addCommand(set())
  group.addCommand(revoke())
  return group
}

type Keys = Pick<typeof import('@kantor/db'), 'createKey' | 'listKeys' | 'revokeKey' | 'patchKey'>

async function withDatabase<T>(command: Command, use: (db: Database, keys: Keys) => Promise<T>): Promise<T> {
  const { openDatabase, ...keys } = await import('@kantor/db')
  const db = await openDatabase(await databaseUrlFor(settings(globalsOf(command))))
  try {
    return await use(db, keys)
  } finally {
    await db.close()
  }
}

/** As commander gives them: not null for "none", because it turns a parser's null into ''. */
type LimitOptions = { [Quota in keyof KeyQuotas]?: number | 'none' }

const jobs = (value: string) => (value === 'none' ? value : wholeNumber(0, MOST_JOBS)(value))
const petaOperations = (value: string) => {
  if (value === 'none') return value
  const amount = Number(value)
  if (!(amount > 0 && amount <= MOST_PETA_OPERATIONS))
    throw new InvalidArgumentError(`it must be a number above 0, at most ${MOST_PETA_OPERATIONS}, or "none"`)
  return amount
}

const withLimits = (command: Command) =>
  command
    .option('--max-running <n>', 'jobs of it that may run at once, or "none"', jobs)
    .option('--max-queued <n>', 'jobs of it that may wait at once, or "none"', jobs)
    .option('--max-peta-operations <n>', '10^15 operations that one job of it may come to, or "none"', petaOperations)

/** Only those that were given. */
function limitsOf({ maxRunning, maxQueued, maxPetaOperations }: LimitOptions): Partial<KeyQuotas> {
  const given = Object.entries({ maxRunning, maxQueued, maxPetaOperations }).filter(([, limit]) => limit !== undefined)
  return Object.fromEntries(given.map(([name, limit]) => [name, limit === 'none' ? null : limit]))
}

interface CreateOptions extends LimitOptions {
  name: string
  scope: Scope
  days?: number
  json?: boolean
}

function create(): Command {
  return withLimits(new Command('create'))
    .description('Create a key; it is printed once and stored only as a hash')
    .requiredOption('--name <name>', 'who or what uses it')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(Scope.options).default('submit'))
    .option('--days <days>', 'expires after so many days', wholeNumber(1, 36_500))
    .option('--json', 'one JSON document on stdout')
    .action(async (options: CreateOptions, command: Command) => {
      const { name, scope } = options
      const limits = limitsOf(options)
      const expiresAt = options.days === undefined ? undefined : new Date(Date.now() + options.days * 86_400_000)
      const made = await withDatabase(command, (db, { createKey }) =>
        createKey(db, { name, scope, ...limits, ...(expiresAt && { expiresAt }) }),
      )
      const none: KeyQuotas = { maxRunning: null, maxQueued: null, maxPetaOperations: null }
      if (options.json) return printJson({ ...made, name, scope, ...none, ...limits })
      note(`key ${made.id} (${scope}) for ${name}; it is shown only now:`)
      print(made.key)
    })
}

function set(): Command {
  return withLimits(new Command('set'))
    .description('Change what a key may use; what runs or waits already goes on')
    .argument('<id>')
    .action(async (id: string, options: LimitOptions, command: Command) => {
      const limits = limitsOf(options)
      if (Object.keys(limits).length === 0)
        throw new Failure('usage', 'there is nothing to change', { remedy: 'kantor key set --help lists the limits' })
      const changed = await withDatabase(command, (db, { patchKey }) => patchKey(db, id, limits))
      note(`key ${id}: ${describeLimits(changed)}`)
    })
}

const describeLimits = ({ maxRunning, maxQueued, maxPetaOperations }: KeyQuotas) =>
  `running ${maxRunning ?? 'any'}, waiting ${maxQueued ?? 'any'}, peta operations per job ${maxPetaOperations ?? 'any'}`

const day = (date: string | null) => (date === null ? '–' : date.slice(0, 16).replace('T', ' '))

function list(): Command {
  return new Command('list')
    .description('Keys, without their secrets')
    .option('--json', 'one JSON document on stdout')
    .action(async (options: { json?: boolean }, command: Command) => {
      const items = await withDatabase(command, (db, { listKeys }) => listKeys(db))
      if (options.json) return printJson({ items })
      if (items.length === 0) return note('no keys: the API listens on loopback only')
      const rows = items.map((one) => [
        one.id,
        one.name,
        one.scope,
        day(one.createdAt),
        day(one.expiresAt),
        day(one.revokedAt),
        day(one.lastUsedAt),
        String(one.maxRunning ?? '–'),
        String(one.maxQueued ?? '–'),
      ])
      const heads = ['ID', 'NAME', 'SCOPE', 'CREATED', 'EXPIRES', 'REVOKED', 'LAST USED', 'MAX RUNNING', 'MAX QUEUED']
      print(table(heads, rows, [7, 8]))
    })
}

function revoke(): Command {
  return new Command('revoke')
    .description('Revoke a key at once')
    .argument('<id>')
    .action(async (id: string, _options: object, command: Command) => {
      const revoked = await withDatabase(command, (db, { revokeKey }) => revokeKey(db, id))
      if (!revoked)
        throw new Failure('notFound', `there is no live key ${id}`, { remedy: 'kantor key list shows them' })
      note(`key ${id} is revoked`)
    })
}
