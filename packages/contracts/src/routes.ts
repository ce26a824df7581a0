import { z } from 'zod'
import { accessRoutes } from './access-routes.js'
import { archiveRoutes } from './archive-routes.js'
import { Checkpoint, Sample } from './artifacts.js'
import { Attempt } from './attempts.js'
import { CurveQuery, CurveReply } from './curve.js'
import { curvesRoutes } from './curves-query.js'
import { datasetRoutes } from './dataset-routes.js'
import { Dossier } from './dossier.js'
import { CreateJob, CreateJobs, Job, JobEvent } from './job.js'
import { JobList, JobListQuery } from './job-list.js'
import type { Scope } from './keys.js'
import { LogQuery, LogReply } from './logs.js'
import { outletRoutes } from './outlet-routes.js'
import { JobPlan } from './plan.js'
import { pointRoutes } from './point-routes.js'
import { exportRoutes } from './export-routes.js'
import { qualityRoutes } from './quality-routes.js'
import { taskRoutes } from './task-routes.js'
import { weightsRoutes } from './weights-routes.js'
import { sweepRoutes } from './sweep-routes.js'
import { wholeNumber } from './strings.js'
import { usageRoutes } from './usage-routes.js'
import { Worker } from './workers.js'
import { streamRoutes } from './stream-routes.js'
import { verbRoutes } from './verb-routes.js'
import { alertRoutes } from './alert-routes.js'
import { webhookRoutes } from './webhook-routes.js'

/** One endpoint: the API's handler, the client's method, OpenAPI and the CLI are all made from this. */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  /** The scope a bearer key needs; `public` answers anyone. */
  scope: Scope | 'public'
  summary: string
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodObject
  /** Instead of `body`: bytes of this media type, as many as the operator allows. */
  upload?: 'application/zip' | 'application/octet-stream'
  /** Default: `defaultBodyLimit`. */
  bodyLimit?: BodyLimit
  /** Takes If-Match, and answers an ETag. */
  ifMatch?: true
  status: number
  /** A JSON schema, or the media type of a reply of bytes or of server-sent events. */
  reply: z.ZodType | 'image/png' | 'application/octet-stream' | 'application/zip' | 'text/event-stream'
  /** What is answered instead with `dryRun=true` in the query: then nothing is stored, and nothing is done. */
  dryRun?: { status: number; reply: z.ZodType }
  /** Other forms of the same reply, which `format` in the query asks for. */
  replyAlso?: readonly ('text/csv' | 'application/x-ndjson' | 'application/vnd.apache.parquet')[]
  /** Bytes that are made while they are sent: their size and hash are not known before, and a client gets them as a stream. */
  streamed?: true
  /** A key of the reply that is told this once: a repeat under an Idempotency-Key answers null there, and it is not stored. */
  shownOnce?: string
}

/** What a body may hold at most, nested objects included. */
export interface BodyLimit {
  mebibytes: number
  keys: number
}
export const defaultBodyLimit: BodyLimit = { mebibytes: 1, keys: 10_000 }

/**
 * Header of any POST. The same key with the same path and body within seven days gives the first success's reply again, with
 * `Idempotent-Replayed: true`, instead of doing it twice.
 */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, { message: 'must be 1 to 255 visible ASCII characters, such as a UUID' })

/**
 * Header of a PATCH: the ETag of the GET before it, or its `revision` in quotes. When somebody has changed the thing since, the answer is a
 * 412 and nothing happens. Without it the change is made in any case.
 */
export const IfMatch = z.string()

const Id = z.strictObject({ id: z.uuid() })
const WorkerId = z.strictObject({ id: z.string().regex(/^[\w.-]{1,100}$/) })
const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().nullable() })

const limit = z
  .string()
  .regex(/^\d{1,4}$/, { message: 'must be a whole number from 1 to 200' })
  .transform(Number)
  .pipe(z.int().min(1).max(200))
  .default(50)
const cursor = z.string().max(200).optional()
const step = wholeNumber(0, 1e9)

const Health = z.object({ status: z.enum(['ok', 'unavailable']), checks: z.record(z.string(), z.string()).optional() })

export const routes = {
  createJob: {
    method: 'POST',
    path: '/jobs',
    scope: 'submit',
    summary: 'Submit a training job; with `dryRun=true` only tell what would come of it',
    query: z.strictObject({ dryRun: z.enum(['true', 'false']).default('false') }),
    body: CreateJob,
    status: 201,
    reply: Job,
    dryRun: { status: 200, reply: JobPlan },
  },
  createJobs: {
    method: 'POST',
    path: '/jobs/batch',
    scope: 'submit',
    summary: 'Submit up to 1000 training jobs, all or none',
    body: CreateJobs,
    bodyLimit: { mebibytes: 8, keys: 200_000 },
    status: 201,
    reply: z.object({ items: z.array(Job) }),
  },
  listJobs: {
    method: 'GET',
    path: '/jobs',
    scope: 'read',
    summary: 'Jobs that meet all criteria, newest first unless sorted otherwise',
    query: JobListQuery,
    status: 200,
    reply: JobList,
  },
  getJob: { method: 'GET', path: '/jobs/:id', scope: 'read', summary: 'One job', params: Id, status: 200, reply: Job },
  ...verbRoutes,
  ...streamRoutes,
  listEvents: {
    method: 'GET',
    path: '/jobs/:id/events',
    scope: 'read',
    summary: 'Every transition of a job, oldest first',
    params: Id,
    status: 200,
    reply: z.object({ items: z.array(JobEvent) }),
  },
  getLogs: {
    method: 'GET',
    path: '/jobs/:id/logs',
    scope: 'read',
    summary: 'What the trainers of a job printed and told; follow with after and wait',
    params: Id,
    query: LogQuery,
    status: 200,
    reply: LogReply,
  },
  getDossier: {
    method: 'GET',
    path: '/jobs/:id/dossier',
    scope: 'read',
    summary:
      'What helps to understand a failed job: its end, its attempts, its log, and the nearest job that went well',
    params: Id,
    status: 200,
    reply: Dossier,
  },
  listAttempts: {
    method: 'GET',
    path: '/jobs/:id/attempts',
    scope: 'read',
    summary: 'Every attempt at a job, oldest first: where it ran, what it did, what it used',
    params: Id,
    status: 200,
    reply: z.object({ items: z.array(Attempt) }),
  },
  getCurve: {
    method: 'GET',
    path: '/jobs/:id/curve',
    scope: 'read',
    summary: 'The training curve in buckets or points; poll with sinceSeq and resolution',
    params: Id,
    query: CurveQuery,
    status: 200,
    reply: CurveReply,
    replyAlso: ['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet'],
  },
  listSamples: {
    method: 'GET',
    path: '/jobs/:id/samples',
    scope: 'read',
    summary: 'Sample grids, newest first: page by page, or so many spread over the run',
    params: Id,
    query: z
      .strictObject({
        limit,
        cursor,
        from: step.optional(),
        to: step.optional(),
        density: wholeNumber(1, 200).optional(),
      })
      .refine((asked) => asked.density === undefined || asked.cursor === undefined, {
        path: ['cursor'],
        message: 'density answers in one page: leave the cursor',
      }),
    status: 200,
    reply: page(Sample),
  },
  downloadSample: {
    method: 'GET',
    path: '/samples/:id/download',
    scope: 'read',
    summary: 'The PNG of a sample grid',
    params: Id,
    status: 200,
    reply: 'image/png',
  },
  listCheckpoints: {
    method: 'GET',
    path: '/jobs/:id/checkpoints',
    scope: 'read',
    summary: 'Checkpoints, newest first',
    params: Id,
    query: z.strictObject({ limit, cursor }),
    status: 200,
    reply: page(Checkpoint),
  },
  getCheckpoint: {
    method: 'GET',
    path: '/checkpoints/:id',
    scope: 'read',
    summary: 'One checkpoint: what it holds, how good it is, whether it stays',
    params: Id,
    status: 200,
    reply: Checkpoint,
  },
  pinCheckpoint: {
    method: 'POST',
    path: '/checkpoints/:id/pin',
    scope: 'submit',
    summary: 'Keep a checkpoint until it is unpinned; once more is no error',
    params: Id,
    status: 200,
    reply: Checkpoint,
  },
  unpinCheckpoint: {
    method: 'POST',
    path: '/checkpoints/:id/unpin',
    scope: 'submit',
    summary: 'Leave a checkpoint to its job’s retention again; once more is no error',
    params: Id,
    status: 200,
    reply: Checkpoint,
  },
  downloadCheckpoint: {
    method: 'GET',
    path: '/checkpoints/:id/download',
    scope: 'read',
    summary: 'The safetensors file of a checkpoint',
    params: Id,
    status: 200,
    reply: 'application/octet-stream',
  },
  ...outletRoutes,
  ...pointRoutes,
  ...archiveRoutes,
  ...taskRoutes,
  ...exportRoutes,
  ...weightsRoutes,
  ...qualityRoutes,
  ...sweepRoutes,
  ...usageRoutes,
  ...webhookRoutes,
  ...alertRoutes,
  ...curvesRoutes,
  ...datasetRoutes,
  listWorkers: {
    method: 'GET',
    path: '/workers',
    scope: 'read',
    summary: 'Workers of the last day: capacity, device, versions, state',
    status: 200,
    reply: z.object({ items: z.array(Worker) }),
  },
  drainWorker: {
    method: 'POST',
    path: '/workers/:id/drain',
    scope: 'admin',
    summary: 'Give a worker no new work; what it runs goes on',
    params: WorkerId,
    status: 200,
    reply: Worker,
  },
  enableWorker: {
    method: 'POST',
    path: '/workers/:id/enable',
    scope: 'admin',
    summary: 'Give a drained worker work again',
    params: WorkerId,
    status: 200,
    reply: Worker,
  },
  ...accessRoutes,
  health: {
    method: 'GET',
    path: '/healthz',
    scope: 'public',
    summary: 'The process is up',
    status: 200,
    reply: Health,
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    scope: 'public',
    summary: 'Database, queue and object store answer',
    status: 200,
    reply: Health,
  },
} as const satisfies Record<string, Route>
export type Routes = typeof routes
export type RouteName = keyof Routes
