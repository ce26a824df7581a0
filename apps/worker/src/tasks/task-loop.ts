import { setTimeout as sleep } from 'node:timers/promises'
import { runTask, type TaskDeps } from './run-task.js'

/** Between two looks for a task: one index look-up each. A task is nothing that anybody waits milliseconds for. */
const LOOK_EVERY_MS = 2000

/** Works on tasks, one at a time, until `leave` aborts; resolves when the last one is booked or handed back. */
export async function workOnTasks(deps: TaskDeps, leave: AbortSignal): Promise<void> {
  while (!leave.aborted) {
    const done = await runTask(deps, leave).catch((error: unknown) => {
      // What it held runs out, and the reconciler queues it again.
      deps.log.warn({ err: error }, 'no task could be claimed or booked')
      return null
    })
    if (done === null) await sleep(LOOK_EVERY_MS, undefined, { signal: leave }).catch(() => {})
  }
}
