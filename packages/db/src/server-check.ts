import { AppError } from '@kantor/contracts'

/** What waiting does not cure. The message says why and what to do. */
export class DatabaseUnusable extends AppError {
  override name = 'DatabaseUnusable'

  constructor(detail: string, options: { cause?: unknown } = {}) {
    super('internal', detail, options)
  }
}

/** What a server says to an address that is wrong, by its SQLSTATE; waiting changes none of it. */
const refusals: Record<string, string> = {
  '28P01': 'the server does not take this user with this password; correct them',
  '28000': 'the server lets this user in from here under no condition; correct the user, or its pg_hba.conf',
  '3D000': 'the server has no database of this name; correct it, or make it with `createdb`',
}

/** The error itself, or DatabaseUnusable where it says that the address is wrong. The password is in neither. */
export function asUnusable(error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const remedy = typeof code === 'string' && refusals[code]
  return remedy ? new DatabaseUnusable(`DATABASE_URL: ${remedy} (${String(message)})`, { cause: error }) : error
}

/** `server_version_num` of Postgres 13, the first with all that the migrations use. */
const OLDEST_VERSION = 130_000

export interface DatabaseServer {
  /** `server_version_num`. */
  version: number
  /** Transactions may only read, whatever the reason. */
  readOnly: boolean
  /** It follows another server. */
  standby: boolean
}

/** One row of DatabaseServer. */
export const serverQuery = `SELECT current_setting('server_version_num')::int AS version,
  current_setting('transaction_read_only') = 'on' AS "readOnly", pg_is_in_recovery() AS standby`

/**
 * DatabaseUnusable for a version that is too old. AppError `dependency-unavailable` for a server that takes no writes: after a fail-over that
 * passes, so it is waited for.
 */
export function assertServerWillDo({ version, readOnly, standby }: DatabaseServer): void {
  if (version < OLDEST_VERSION)
    throw new DatabaseUnusable(
      `DATABASE_URL: this is Postgres ${Math.floor(version / 10_000)}, and Kantor needs 13 or later; upgrade it (pg_upgrade), or take another server`,
    )
  if (standby)
    throw new AppError(
      'dependency-unavailable',
      'DATABASE_URL: this server is a read-only replica; name the primary, or all of them with target_session_attrs=read-write at a proxy',
    )
  if (readOnly)
    throw new AppError(
      'dependency-unavailable',
      'DATABASE_URL: this server takes no writes (default_transaction_read_only is on); run `ALTER DATABASE … SET default_transaction_read_only = off`, or for the role',
    )
}
