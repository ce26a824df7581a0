import { isOwned, type JobState } from '@kantor/contracts'
import type { InvariantOptions } from './check-invariants.js'
import type { Read } from './snapshot.js'

interface OwnedJob {
  id: string
  state: JobState
  epoch: number
  leased: boolean
  workerId: string | null
  attempts: { epoch: number; workerId: string; outcome: JobState | null; ended: boolean }[]
  events: { epoch: number; actor: string; from: JobState | null; to: JobState }[]
}

/** Leases exist exactly while an attempt owns its job, and every claim has one attempt that ended as the events say. */
export async function checkOwnership(read: Read, { settled = false }: InvariantOptions): Promise<string[]> {
  const jobs = await read<OwnedJob>(
    `SELECT id, state, epoch, lease_until IS NOT NULL AS leased, worker_id AS "workerId", coalesce((
       SELECT json_agg(json_build_object('epoch', epoch, 'workerId', worker_id, 'outcome', outcome, 'ended', ended_at IS NOT NULL) ORDER BY epoch)
       FROM attempt WHERE job_id = job.id
     ), '[]') AS attempts, coalesce((
       SELECT json_agg(json_build_object('epoch', epoch, 'actor', actor, 'from', from_state, 'to', to_state) ORDER BY seq)
       FROM job_event WHERE job_id = job.id
     ), '[]') AS events FROM job ORDER BY id`,
  )
  return jobs.flatMap((job) =>
    [...leaseFaults(job, settled), ...attemptFaults(job)].map((fault) => `job ${job.id}: ${fault}`),
  )
}

function leaseFaults({ state, leased, workerId }: OwnedJob, settled: boolean): string[] {
  if (leased !== isOwned(state)) return [`it is ${state} ${leased ? 'with' : 'without'} a lease`]
  if (leased && workerId === null) return [`it is ${state} and nobody owns it`]
  return leased && settled ? [`its lease was never given back`] : []
}

function attemptFaults({ state, epoch, attempts, events }: OwnedJob): string[] {
  const numbers = attempts.map((attempt) => attempt.epoch)
  if (numbers.length !== epoch || numbers.some((number, i) => number !== i + 1))
    return [`it was claimed ${epoch} times and has the attempts ${numbers.join(', ') || 'none'}`]
  return attempts.flatMap((attempt) => {
    const own = events.filter((event) => event.epoch === attempt.epoch)
    const claim = own.find(({ from, to }) => from === 'queued' && to === 'starting')
    const left = own.find(({ from, to }) => from !== null && isOwned(from) && !isOwned(to))
    const working = attempt.epoch === epoch && isOwned(state)
    const name = `attempt ${attempt.epoch}`
    if (claim?.actor !== attempt.workerId)
      return [`${name} is ${attempt.workerId}'s, its claim ${claim?.actor ?? 'nobody'}'s`]
    if (attempt.ended === working)
      return [`${name} has ${attempt.ended ? 'ended' : 'not ended'} while the job is ${state}`]
    if (!working && attempt.outcome !== left?.to)
      return [`${name} ended as ${String(attempt.outcome)}, the events say ${left?.to ?? 'nothing'}`]
    return []
  })
}
