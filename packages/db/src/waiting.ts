import type { Waiting, WaitingReason } from '@kantor/contracts'
import { type Database, transaction, type Transaction } from './database.js'
import { newcomerId, orderedQueue, orderedWithOneMore } from './dispatch-order.js'
import { countSlots, type Slots } from './fleet.js'
import type { DeviceClass } from './workers.js'

interface Place {
  device: 'any' | DeviceClass
  heldBack: boolean
  backingOff: boolean
  paced: boolean
  jobsAhead: number
}

/** The queue at one moment. */
interface Queue {
  /** By job; as text until somebody asks, since objects of 28 000 jobs would stop every other request for a while. */
  places: Map<string, string>
  slots: Record<DeviceClass, Slots>
  ends: End[]
}

/** Why each of these jobs waits; those that are not queued are left out. The jobs are counted in the dispatcher's own order. */
export async function whyWaiting(db: Database, jobIds: string[]): Promise<Map<string, Waiting>> {
  return jobIds.length === 0 ? new Map() : explain(await readQueue(db), jobIds)
}

/** A queue longer than this is not read anew for everyone who asks. */
const LONG_QUEUE = 1_000
const READ_AGAIN_MS = 1_000
const HELD_MS = 2_000
const UUID_LENGTH = 36

/**
 * `whyWaiting` for many who ask. The order of a long queue takes a while (0.12 s for 28 000 jobs), so all of them are told from one that
 * is read again every second and never older than two; only a job that came since is looked for anew.
 */
export function holdQueue(db: Database): (jobIds: string[]) => Promise<Map<string, Waiting>> {
  let held: { readAt: number; queue: Queue } | undefined
  let reading: { readAt: number; queue: Promise<Queue> } | undefined

  const read = (): Promise<Queue> => {
    const readAt = performance.now()
    const queue = readQueue(db)
    const mine = { readAt, queue }
    reading = mine
    const over = () => {
      if (reading === mine) reading = undefined
    }
    void queue.then((value) => (held = { readAt, queue: value })).then(over, over)
    return queue
  }
  return async (jobIds) => {
    if (jobIds.length === 0) return new Map()
    const asked = performance.now()
    if (held && held.queue.places.size > LONG_QUEUE && asked - held.readAt < HELD_MS) {
      if (!reading && asked - held.readAt > READ_AGAIN_MS) read().catch(() => {})
      const told = explain(held.queue, jobIds)
      if (told.size === jobIds.length) return told
    }
    return explain(await (reading && reading.readAt >= asked ? reading.queue : read()), jobIds)
  }
}

/** A job that may come. */
export interface Newcomer {
  device: Place['device']
  priority: number
  keyId: string | null
}

/** Where it would stand in the queue now, and what it would wait for. */
export async function whyItWouldWait(db: Database, newcomer: Newcomer): Promise<Waiting> {
  return explain(await readQueue(db, newcomer), [newcomerId]).get(newcomerId)!
}

const readQueue = (db: Database, newcomer?: Newcomer): Promise<Queue> =>
  transaction(db, async (tx) => {
    const { rows } = await tx.query<{ places: string | null }>(
      `WITH ${newcomer ? orderedWithOneMore : orderedQueue}, counted AS (
         SELECT *, count(*) FILTER (WHERE NOT held_back AND device <> 'gpu') OVER before AS cpu,
           count(*) FILTER (WHERE NOT held_back AND device <> 'cpu') OVER before AS gpu,
           count(*) FILTER (WHERE NOT held_back) OVER before AS any
         FROM ordered WINDOW before AS (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
       )
       SELECT string_agg(concat_ws(' ', id, device, held_back, backing_off, paced,
         CASE device WHEN 'cpu' THEN cpu WHEN 'gpu' THEN gpu ELSE "any" END), E'\n') AS places
       FROM counted`,
      newcomer ? [newcomer.device, newcomer.priority, newcomer.keyId] : [],
    )
    const lines = rows[0]!.places?.split('\n') ?? []
    return {
      places: new Map(lines.map((line) => [line.slice(0, UUID_LENGTH), line])),
      slots: await countSlots(tx),
      ends: await expectedEnds(tx),
    }
  })

function explain({ places, slots, ends }: Queue, jobIds: string[]): Map<string, Waiting> {
  const told = new Map<string, Waiting>()
  for (const id of jobIds) {
    const line = places.get(id)
    if (line === undefined) continue
    const place = toPlace(line)
    const reason = reasonOf(place, slots)
    told.set(id, { reason, jobsAhead: place.jobsAhead, eta: etaOf(place, reason, slots, ends) })
  }
  return told
}

function toPlace(line: string): Place {
  const [, device, heldBack, backingOff, paced, jobsAhead] = line.split(' ')
  return {
    device: device as Place['device'],
    heldBack: heldBack === 't',
    backingOff: backingOff === 't',
    paced: paced === 't',
    jobsAhead: Number(jobsAhead),
  }
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
  { device, heldBack, backingOff, paced, jobsAhead }: Place,
  slots: Record<DeviceClass, Slots>,
): WaitingReason {
  if (slots.cpu.total + slots.gpu.total === 0) return 'no_worker'
  const matching = device === 'any' ? [slots.cpu, slots.gpu] : [slots[device]]
  if (matching.every(({ total }) => total === 0)) return 'no_matching_device'
  if (backingOff) return 'backing_off'
  if (paced) return 'sweep_limit'
  if (heldBack) return 'key_limit'
  const free = matching.reduce((sum, one) => sum + one.free, 0)
  return jobsAhead < free ? 'next' : 'slots_busy'
}
