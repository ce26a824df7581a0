import { type Database, transaction, type Transaction } from './database.js'
import { orderedQueue, TICKET_SECONDS } from './dispatch-order.js'
import { countSlots } from './fleet.js'
import type { DeviceClass } from './workers.js'

export interface DrawnTicket {
  jobId: string
  /** Counts the tickets of the job, so that each has a name of its own in the queue. */
  ticketNo: number
  deviceClass: DeviceClass
}

const TICKETS_PER_SLOT = 2

/**
 * Draws tickets for queued jobs, by priority, fair share between keys, then age: as many as bring the tickets out there to two per free
 * slot of live workers. Put them into the queue after this returns; ones lost on the way are drawn again after 20 s.
 */
export async function drawTickets(db: Database): Promise<DrawnTicket[]> {
  return transaction(db, async (tx) => {
    const room = await ticketRoom(tx)
    if (room.cpu + room.gpu === 0) return []

    const assigned: { id: string; deviceClass: DeviceClass }[] = []
    for (const job of await nextWaiting(tx, room)) {
      const deviceClass = job.device === 'any' ? roomiest(room) : job.device
      if (room[deviceClass] === 0) continue
      room[deviceClass] -= 1
      assigned.push({ id: job.id, deviceClass })
    }
    if (assigned.length === 0) return []

    const { rows } = await tx.query<DrawnTicket>(
      `UPDATE job SET ticket_no = ticket_no + 1, ticket_class = drawn.class, ticketed_at = clock_timestamp()
       FROM unnest($1::uuid[], $2::text[]) AS drawn(id, class) WHERE job.id = drawn.id
       RETURNING job.id AS "jobId", ticket_no AS "ticketNo", ticket_class AS "deviceClass"`,
      [assigned.map((ticket) => ticket.id), assigned.map((ticket) => ticket.deviceClass)],
    )
    const order = new Map(assigned.map((ticket, index) => [ticket.id, index]))
    return rows.sort((a, b) => order.get(a.jobId)! - order.get(b.jobId)!)
  })
}

type Room = Record<DeviceClass, number>
const roomiest = (room: Room): DeviceClass => (room.gpu >= room.cpu ? 'gpu' : 'cpu')

/** Tickets that each device class can still take. */
async function ticketRoom(tx: Transaction): Promise<Room> {
  const slots = await countSlots(tx)
  const { rows } = await tx.query<{ deviceClass: DeviceClass; out: number }>(
    `SELECT ticket_class AS "deviceClass", count(*)::int AS out FROM job
     WHERE state = 'queued' AND ticketed_at > clock_timestamp() - make_interval(secs => $1) GROUP BY ticket_class`,
    [TICKET_SECONDS],
  )
  const out = (deviceClass: DeviceClass) => rows.find((row) => row.deviceClass === deviceClass)?.out ?? 0
  const room = (deviceClass: DeviceClass) => Math.max(0, TICKETS_PER_SLOT * slots[deviceClass].free - out(deviceClass))
  return { cpu: room('cpu'), gpu: room('gpu') }
}

interface Waiting {
  id: string
  device: 'any' | DeviceClass
}

/** Enough queued jobs without a ticket to fill the room whichever class `any` jobs go to; rows that another transaction holds are skipped. */
async function nextWaiting(tx: Transaction, room: Room): Promise<Waiting[]> {
  const devices = ['any', ...(room.cpu > 0 ? ['cpu'] : []), ...(room.gpu > 0 ? ['gpu'] : [])]
  const { rows } = await tx.query<Waiting>(
    `WITH ${orderedQueue}, next AS (
       SELECT id, position, row_number() OVER (PARTITION BY device ORDER BY position) AS nth
       FROM ordered WHERE NOT ticketed AND NOT held_back AND device = ANY($1)
     )
     SELECT job.id, job.device FROM job JOIN next USING (id)
     WHERE nth <= $2 AND job.state = 'queued' AND (job.ticketed_at IS NULL
       OR job.ticketed_at <= clock_timestamp() - make_interval(secs => $3))
     ORDER BY position FOR UPDATE OF job SKIP LOCKED`,
    [devices, room.cpu + room.gpu, TICKET_SECONDS],
  )
  return rows
}
