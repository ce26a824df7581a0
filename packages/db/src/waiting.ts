import type { Waiting, WaitingReason } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from './database.js'
import { orderedQueue } from './dispatch-order.js'
import { countSlots, type Slots } from './fleet.js'
import type { DeviceClass } from './workers.js'

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
    if (rows.length === 0) return new Map()
    const [slots, ends] = [await countSlots(tx), await expectedEnds(tx)]
    return new Map(
      rows.map((place) => {
        const reason = reasonOf(place, slots)
        return [place.id, { reason, jobsAhead: place.jobsAhead, eta: etaOf(place, reason, slots, ends) }]
      }),
    )
  })
}

interface End {
  deviceClass: DeviceClass
  at: Date | null
}

/** When each running job frees its slot, the soonest first; what cannot be told comes last. */
async function expectedEnds(tx: Transaction): Promise<End[]> {
  const { rows } = await tx.query<End>(
    `SELECT device_class AS "deviceClass",
       clock_timestamp() + make_interval(secs => (progress->>'etaSeconds')::float8) AS at
     FROM job JOIN worker ON worker.id = worker_id WHERE lease_until IS NOT NULL ORDER BY at NULLS LAST`,
  )
  return rows
}

/** The start of the job that waits for the n-th slot to become free: known as long as n jobs run whose end is. */
function etaOf(
  { device, jobsAhead }: Place,
  reason: WaitingReason,
  slots: Record<DeviceClass, Slots>,
  ends: End[],
): string | null {
  if (reason !== 'slots_busy') return null
  const matching = (deviceClass: DeviceClass) => device === 'any' || device === deviceClass
  const free = (matching('cpu') ? slots.cpu.free : 0) + (matching('gpu') ? slots.gpu.free : 0)
  const end = ends.filter(({ deviceClass }) => matching(deviceClass))[jobsAhead - free]
  return end?.at?.toISOString() ?? null
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
