import { Scope } from '@kantor/contracts'
import type { Database } from '@kantor/db'
import { Command, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { databaseUrlFor, globalsOf, settings } from '../settings.js'

const MOST_RUNNING = 1_000_000

/** `kantor key …`: API keys, straight in the database. */
export function key(): Command {
  const group = new Command('key').description('API keys (DATABASE_URL or a running local stack)')
  group.addCommand(create())
  group.addCommand(list())
  group.addCommand(set())
  group.addCommand(revoke())
  return group
}

type Keys = Pick<typeof import('@kantor/db'), 'createKey' | 'listKeys' | 'revokeKey' | 'setMaxRunning'>

async function withDatabase<T>(command: Command, use: (db: Database, keys: Keys) => Promise<T>): Promise<T> {
  const { openDatabase, ...keys } = await import('@kantor/db')
  const db = await openDatabase(await databaseUrlFor(settings(globalsOf(command))))
  try {
    return await use(db, keys)
  } finally {
    await db.close()
  }
}

interface CreateOptions {
  name: string
  scope: Scope
  days?: number
  maxRunning?: number
  json?: boolean
}

function create(): Command {
  return new Command('create')
    .description('Create a key; it is printed once and stored only as a hash')
    .requiredOption('--name <name>', 'who or what uses it')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(Scope.options).default('submit'))
    .option('--days <days>', 'expires after so many days', wholeNumber(1, 36_500))
    .option('--max-running <n>', 'jobs of it that may run at once', wholeNumber(0, MOST_RUNNING))
    .option('--json', 'one JSON document on stdout')
    .action(async (options: CreateOptions, command: Command) => {
      const { name, scope, maxRunning } = options
      const expiresAt = options.days === undefined ? undefined : new Date(Date.now() + options.days * 86_400_000)
      const made = await withDatabase(command, (db, { createKey }) =>
        createKey(db, { name, scope, maxRunning, ...(expiresAt && { expiresAt }) }),
      )
      if (options.json) return printJson({ ...made, name, scope, maxRunning: maxRunning ?? null })
      note(`key ${made.id} (${scope}) for ${name}; it is shown only now:`)
      print(made.key)
    })
}

// Not null: commander turns a parser's null into ''.
const limit = (value: string) => (value === 'none' ? value : wholeNumber(0, MOST_RUNNING)(value))

function set(): Command {
  return new Command('set')
    .description('Change how many jobs of a key may run at once; what runs goes on')
    .argument('<id>')
    .requiredOption('--max-running <n>', 'a number, or "none"', limit)
    .action(async (id: string, options: { maxRunning: number | 'none' }, command: Command) => {
      const maxRunning = options.maxRunning === 'none' ? null : options.maxRunning
      const known = await withDatabase(command, (db, { setMaxRunning }) => setMaxRunning(db, id, maxRunning))
      if (!known) throw new Failure('notFound', `there is no key ${id}`, { remedy: 'kantor key list shows them' })
      note(maxRunning === null ? `key ${id} has no limit` : `key ${id} may have ${maxRunning} jobs running at once`)
    })
}

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
        String(one.maxRunning ?? '–'),
      ])
      print(table(['ID', 'NAME', 'SCOPE', 'CREATED', 'EXPIRES', 'REVOKED', 'MAX RUNNING'], rows, [6]))
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
