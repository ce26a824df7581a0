// What must hold in database and store whatever was killed, cut, stopped or filled, and whenever one looks. Each violation is one
// sentence that names the job. The rules are those of `docs/decisions/0002-postgres-is-the-truth.md`, looked up in plain SQL of their own:
// the checker shares no code with what it checks, apart from the table of states.
import type { Database } from '@kantor/db'
import type { ObjectStore } from '@kantor/storage'
import { checkCurves } from './curves.js'
import { checkLifeCycles } from './life-cycles.js'
import { checkObjects } from './objects.js'
import { checkOwnership } from './ownership.js'
import { readSnapshot } from './snapshot.js'
import { checkTasks } from './tasks.js'

export interface InvariantOptions {
  /** Ids that a client has in a 201. */
  acknowledged?: Iterable<string>
  /** Everything has come to rest: every job is in a terminal state or paused, every task in a terminal state. Default false. */
  settled?: boolean
  /** Points that two attempts made at one step must be equal bit by bit. Default false: only where the run is repeatable at all. */
  bitwise?: boolean
  /** By job: `weightsHash` of the newest checkpoint that an undisturbed run of the same spec made. */
  golden?: ReadonlyMap<string, string>
}

/** Every violation, in words; empty when all is well. Safe to call while the service runs: rows are read in one snapshot. */
export async function checkInvariants(
  db: Database,
  store: ObjectStore,
  options: InvariantOptions = {},
): Promise<string[]> {
  const snapshot = await readSnapshot(db, async (read) => ({
    lifeCycles: await checkLifeCycles(read, options),
    ownership: await checkOwnership(read, options),
    curves: await checkCurves(read, options),
    tasks: await checkTasks(read, options),
  }))
  const objects = await checkObjects(db, store, options)
  return [...Object.values(snapshot).flat(), ...objects]
}
