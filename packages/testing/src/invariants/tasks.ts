import { isFinishedTask, isOwnedTask, type TaskState } from '@kantor/contracts'
import type { InvariantOptions } from './check-invariants.js'
import type { Read } from './snapshot.js'

/** A lease that ran out so long ago has been passed over by six looks of the reconciler. */
const LINGER_SECONDS = 60
const MAX_CRASHES = 3

interface HeldTask {
  id: string
  state: TaskState
  epoch: number
  crashes: number
  leased: boolean
  lingers: boolean
  workerId: string | null
  started: boolean
  finished: boolean
  /** What a verification found; null without one. */
  intact: boolean | null
  quarantined: boolean
}

/** Leases exist exactly while a worker owns a task and do not outlive it; what was found damaged is put aside. */
export async function checkTasks(read: Read, { settled = false }: InvariantOptions): Promise<string[]> {
  const tasks = await read<HeldTask>(
    `SELECT task.id, state, task.epoch, crashes, lease_until IS NOT NULL AS leased, worker_id AS "workerId",
       coalesce(lease_until < clock_timestamp() - make_interval(secs => ${LINGER_SECONDS}), false) AS lingers,
       started_at IS NOT NULL AS started, finished_at IS NOT NULL AS finished, (result ->> 'intact')::boolean AS intact, quarantined
     FROM task JOIN checkpoint ON checkpoint.id = checkpoint_id ORDER BY task.id`,
  )
  return tasks.flatMap((task) => faults(task, settled).map((fault) => `task ${task.id}: ${fault}`))
}

function faults(task: HeldTask, settled: boolean): string[] {
  const { state, epoch, crashes, leased, workerId } = task
  const found: string[] = []
  if (leased !== isOwnedTask(state)) found.push(`it is ${state} ${leased ? 'with' : 'without'} a lease`)
  if (leased && workerId === null) found.push(`it is ${state} and nobody owns it`)
  if (task.lingers) found.push('its lease ran out long ago and nobody took it back')
  if (task.finished !== isFinishedTask(state))
    found.push(`it is ${state} ${task.finished ? 'with' : 'without'} a time of its end`)
  if (task.started !== epoch > 0) found.push(`it was claimed ${epoch} times and has ${task.started ? 'a' : 'no'} start`)
  if (crashes > epoch || crashes >= MAX_CRASHES !== (state === 'failed'))
    found.push(`it crashed ${crashes} times in ${epoch} attempts and is ${state}`)
  if (task.intact === false && !task.quarantined) found.push('it found a damaged checkpoint that is not put aside')
  if (settled && !isFinishedTask(state)) found.push(`it never came to an end, it is ${state}`)
  return found
}
