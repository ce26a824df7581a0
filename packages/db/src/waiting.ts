import { type Database, transaction } from './database.js'
import { orderedQueue } from './dispatch-order.js'
import { countSlots, type Slots } from './fleet.js'
import type { DeviceClass } from './workers.js'

/** What keeps a queued job from starting, the most lasting cause first. */
export type WaitingReason = 'no_worker' | 'no_matching_device' | 'backing_off' | 'key_limit' | 'slots_busy' | 'next'

export interface Waiting {
  reason: WaitingReason
  /** Queued jobs that start before it and could take a slot that it can take. */
  jobsAhead: number
}

interface Place {
  id: string
  device: 'any' | DeviceClass
  heldBack: boolean
  backingOff: boolean
  jobsAhead: number
}

/** Why each of these jobs waits; those that are not queued are left out. The jobs are counted in the dispatcher's own order. */
export async function whyWaiting(db: Database, jobIds: string[]): Promise<Map<string, Waiting>> {
  if (jobIds.length === 0) return new Map()
  return transaction(db, async (tx) => {
    const { rows } = await tx.query<Place>(
      `WITH ${orderedQueue}, counted AS (
         SELECT *, count(*) FILTER (WHERE NOT held_back AND device <> 'gpu') OVER before AS cpu,
           count(*) FILTER (WHERE NOT held_back AND device <> 'cpu') OVER before AS gpu,
           count(*) FILTER (WHERE NOT held_back) OVER before AS any
         FROM ordered WINDOW before AS (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
       )
       SELECT id, device, held_back AS "heldBack", backing_off AS "backingOff",
         (CASE device WHEN 'cpu' THEN cpu WHEN 'gpu' THEN gpu ELSE "any" END)::int AS "jobsAhead"
       FROM counted WHERE id = ANY($1::uuid[])`,
      [jobIds],
    )
    const slots = rows.length === 0 ? undefined : await countSlots(tx)
    return new Map(rows.map((place) => [place.id, { reason: reasonOf(place, slots!), jobsAhead: place.jobsAhead }]))
  })
}

function reasonOf(
  { device, heldBack, backingOff, jobsAhead }: Place,
  slots: Record<DeviceClass, Slots>,
): WaitingReason {
  if (slots.cpu.total + slots.gpu.total === 0) return 'no_worker'
  const matching = device === 'any' ? [slots.cpu, slots.gpu] : [slots[device]]
  if (matching.every(({ total }) => total === 0)) return 'no_matching_device'
  if (backingOff) return 'backing_off'
  if (heldBack) return 'key_limit'
  const free = matching.reduce((sum, one) => sum + one.free, 0)
  return jobsAhead < free ? 'next' : 'slots_busy'
}
