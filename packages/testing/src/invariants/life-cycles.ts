import { isTerminal, type JobState, transitions } from '@kantor/contracts'
import type { InvariantOptions } from './check-invariants.js'
import type { Read } from './snapshot.js'

interface Step {
  seq: number
  from: JobState | null
  to: JobState
  epoch: number
}

interface JobHistory {
  id: string
  state: JobState
  epoch: number
  eventSeq: number
  finished: boolean
  events: Step[]
}

/** Nothing acknowledged is gone, and what happened to each job is a path through the table of states. */
export async function checkLifeCycles(
  read: Read,
  { acknowledged = [], settled = false }: InvariantOptions,
): Promise<string[]> {
  const jobs = await read<JobHistory>(
    `SELECT id, state, epoch, event_seq AS "eventSeq", finished_at IS NOT NULL AS finished, coalesce((
       SELECT json_agg(json_build_object('seq', seq, 'from', from_state, 'to', to_state, 'epoch', epoch) ORDER BY seq)
       FROM job_event WHERE job_id = job.id
     ), '[]') AS events FROM job ORDER BY id`,
  )
  const present = new Set(jobs.map(({ id }) => id))
  const lost = [...acknowledged].filter((id) => !present.has(id)).map((id) => `job ${id} was acknowledged and is gone`)
  const wrong = jobs.flatMap((job) => historyFaults(job).map((fault) => `job ${job.id}: ${fault}`))
  const open = settled ? jobs.filter(({ state }) => !isTerminal(state) && state !== 'paused') : []
  return [...lost, ...wrong, ...open.map(({ id, state }) => `job ${id}: never came to an end, it is ${state}`)]
}

function historyFaults({ state, epoch, eventSeq, finished, events }: JobHistory): string[] {
  const faults: string[] = []
  const seqs = events.map(({ seq }) => seq)
  if (seqs.some((seq, i) => seq !== i + 1) || eventSeq !== events.length)
    faults.push(`its ${events.length} events are numbered ${seqs.join(', ')} and the job counts ${eventSeq}`)
  const first = events[0]
  if (!first || first.from !== null || first.to !== 'queued') faults.push('its first event does not make it queued')
  for (const [i, event] of events.entries()) faults.push(...moveFaults(events[i - 1], event))
  const numTerminal = events.filter(({ from, to }) => from !== to && isTerminal(to)).length
  if (numTerminal > 1) faults.push(`it ended ${numTerminal} times`)
  const last = events.at(-1)
  if (last && last.to !== state) faults.push(`its last event says ${last.to}, its row ${state}`)
  if (last && last.epoch !== epoch) faults.push(`its last event is of attempt ${last.epoch}, its row of ${epoch}`)
  if (finished !== isTerminal(state)) faults.push(`it is ${state} ${finished ? 'with' : 'without'} a time of its end`)
  return faults
}

function moveFaults(before: Step | undefined, { seq, from, to, epoch }: Step): string[] {
  const faults: string[] = []
  if (before && from !== before.to)
    faults.push(`event ${seq} moves it from ${String(from)}, but the one before left it ${before.to}`)
  // An event from a state to itself tells of something without moving the job.
  if (from !== null && from !== to && !transitions[from].includes(to))
    faults.push(`event ${seq} moves it from ${from} to ${to}, which is no legal move`)
  const expected = (before?.epoch ?? 0) + (from === 'queued' && to === 'starting' ? 1 : 0)
  if (epoch !== expected)
    faults.push(`event ${seq} is of attempt ${epoch}, expected ${expected}: only a claim raises the number`)
  return faults
}
