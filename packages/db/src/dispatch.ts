import { type Database, transaction, type Transaction } from './database.js'
import { orderedQueue, ticketCounts } from './dispatch-order.js'
import { countSlots } from './fleet.js'
import type { DeviceClass } from './workers.js'

export interface DrawnTicket {
  jobId: string
  /** Counts the tickets of the job, so that each has a name of its own in the queue. */
  ticketNo: number
  deviceClass: DeviceClass
  /** Of the request that submitted the job, where it was traced. */
  traceparent?: string
}

const TICKETS_PER_SLOT = 2

/**
 * Draws tickets for queued jobs, by priority, fair share between keys, then age: as many as bring the tickets out there to two per free
 * slot of live workers. When a more urgent job waits without one, tickets of less urgent ones are taken back: a claim refuses them, and
 * their jobs get new ones in their turn. Put what this returns into the queue; tickets lost on the way are drawn again after 20 s.
 */
export async function drawTickets(db: Database): Promise<DrawnTicket[]> {
  return transaction(db, async (tx) => {
    const { wanted, out, overtaken } = await countTickets(tx)
    const room = { cpu: wanted.cpu - out.cpu, gpu: wanted.gpu - out.gpu }
    if (room.cpu + room.gpu === 0 && !overtaken) return []

    const waiting = await nextJobs(tx, wanted)
    const outdated = outdatedTickets(waiting)
    for (const { ticketClass } of outdated) room[ticketClass!] += 1
    const drawn = new Map<string, DeviceClass>()
    for (const job of waiting) {
      if (job.ticketClass !== null && !outdated.has(job)) continue
      const deviceClass = job.device === 'any' ? roomiest(room) : job.device
      if (room[deviceClass] === 0) continue
      room[deviceClass] -= 1
      drawn.set(job.id, deviceClass)
    }
    const takenBack = [...outdated].map(({ id }) => id).filter((id) => !drawn.has(id))
    return drawn.size + takenBack.length === 0 ? [] : write(tx, drawn, takenBack)
  })
}

/** Rows that another transaction holds are skipped, and so are those that are not queued any more. */
async function write(tx: Transaction, drawn: Map<string, DeviceClass>, takenBack: string[]): Promise<DrawnTicket[]> {
  const { rows } = await tx.query<Omit<DrawnTicket, 'traceparent'> & { traceparent: string | null; taken: boolean }>(
    `WITH free AS (
       SELECT id FROM job WHERE id = ANY($1::uuid[] || $3::uuid[]) AND state = 'queued' FOR UPDATE SKIP LOCKED
     )
     UPDATE job SET ticket_no = ticket_no + (class IS NOT NULL)::int, ticket_class = coalesce(class, ticket_class),
       ticketed_at = CASE WHEN class IS NOT NULL THEN clock_timestamp() END
     FROM free LEFT JOIN unnest($1::uuid[], $2::text[]) AS drawn(id, class) USING (id) WHERE job.id = free.id
     RETURNING job.id AS "jobId", ticket_no AS "ticketNo", ticket_class AS "deviceClass", traceparent, class IS NULL AS taken`,
    [[...drawn.keys()], [...drawn.values()], takenBack],
  )
  const order = new Map([...drawn.keys()].map((id, index) => [id, index]))
  return rows
    .filter(({ taken }) => !taken)
    .sort((a, b) => order.get(a.jobId)! - order.get(b.jobId)!)
    .map(({ jobId, ticketNo, deviceClass, traceparent }) => ({
      jobId,
      ticketNo,
      deviceClass,
      ...(traceparent !== null && { traceparent }),
    }))
}

type Counts = Record<DeviceClass, number>
const roomiest = (room: Counts): DeviceClass => (room.gpu >= room.cpu ? 'gpu' : 'cpu')

interface Tickets {
  out: Counts
  /** How many should be out: never fewer than are, so that one that is taken back is replaced. */
  wanted: Counts
  /** Perhaps some are to be taken back. */
  overtaken: boolean
}

async function countTickets(tx: Transaction): Promise<Tickets> {
  const slots = await countSlots(tx)
  const { rows } = await tx.query<{ deviceClass: DeviceClass; out: number; overtaken: boolean }>(
    `SELECT ticket_class AS "deviceClass", count(*)::int AS out,
       EXISTS (SELECT 1 FROM job WHERE state = 'queued' AND priority < max(ticketed.priority) AND NOT ${ticketCounts}) AS overtaken
     FROM (
       SELECT ticket_class, priority FROM job WHERE state = 'queued' AND ticketed_at IS NOT NULL AND ${ticketCounts}
     ) AS ticketed
     GROUP BY ticket_class`,
  )
  const outOf = (deviceClass: DeviceClass) => rows.find((row) => row.deviceClass === deviceClass)?.out ?? 0
  const out = { cpu: outOf('cpu'), gpu: outOf('gpu') }
  const wantedOf = (deviceClass: DeviceClass) => Math.max(TICKETS_PER_SLOT * slots[deviceClass].free, out[deviceClass])
  return { out, wanted: { cpu: wantedOf('cpu'), gpu: wantedOf('gpu') }, overtaken: rows.some((row) => row.overtaken) }
}

interface Waiting {
  id: string
  device: 'any' | DeviceClass
  priority: number
  /** Of its ticket; null without one that counts. */
  ticketClass: DeviceClass | null
}

/**
 * In the order in which they should start: every job with a ticket, and of those without one enough to use all that is wanted, whichever
 * class `any` jobs go to.
 */
async function nextJobs(tx: Transaction, wanted: Counts): Promise<Waiting[]> {
  const devices = ['any', ...(wanted.cpu > 0 ? ['cpu'] : []), ...(wanted.gpu > 0 ? ['gpu'] : [])]
  const { rows } = await tx.query<Waiting>(
    `WITH ${orderedQueue}, next AS (
       SELECT id, position, ticketed, row_number() OVER (PARTITION BY device, ticketed ORDER BY position) AS nth
       FROM ordered WHERE NOT held_back AND device = ANY($1)
     )
     SELECT id, job.device, job.priority, CASE WHEN ticketed THEN ticket_class END AS "ticketClass" FROM next JOIN job USING (id)
     WHERE ticketed OR nth <= $2 ORDER BY position`,
    [devices, wanted.cpu + wanted.gpu],
  )
  return rows
}

/** Tickets of jobs that are less urgent than one without that could use the same slot. */
function outdatedTickets(waiting: Waiting[]): Set<Waiting> {
  const mostUrgent = { cpu: Infinity, gpu: Infinity }
  for (const { device, priority, ticketClass } of waiting) {
    if (ticketClass !== null) continue
    if (device !== 'gpu') mostUrgent.cpu = Math.min(mostUrgent.cpu, priority)
    if (device !== 'cpu') mostUrgent.gpu = Math.min(mostUrgent.gpu, priority)
  }
  return new Set(
    waiting.filter(({ ticketClass, priority }) => ticketClass !== null && priority > mostUrgent[ticketClass]),
  )
}
