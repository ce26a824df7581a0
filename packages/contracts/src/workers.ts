import { z } from 'zod'

/** `unusable`: its self-test failed. `draining`: it takes no new work. `offline`: no heartbeat for 30 s, on the database's clock. */
export const WorkerState = z.enum(['online', 'draining', 'unusable', 'offline'])
export type WorkerState = z.infer<typeof WorkerState>

export const Worker = z
  .object({
    id: z.string(),
    host: z.string(),
    state: WorkerState,
    /** Why it is unusable, and what to do about it. */
    message: z.string().nullable(),
    deviceClass: z.enum(['cpu', 'gpu']),
    /** What the device calls itself. */
    device: z.string(),
    /** Of a GPU its own, else the host's; null where nothing tells. A job that needs more is refused when it is submitted. */
    memoryBytes: z.int().nullable(),
    /** Jobs that it trains at once, and how many it trains now. */
    slots: z.int(),
    busy: z.int(),
    versions: z.record(z.string(), z.string()),
    /** What its self-test found: the same step twice gives the same bits, or not. Null before it has one. */
    determinism: z.enum(['bitwise', 'best-effort']).nullable(),
    heartbeatAgeSeconds: z.number(),
    registeredAt: z.iso.datetime(),
  })
  .meta({ id: 'Worker' })
export type Worker = z.infer<typeof Worker>
