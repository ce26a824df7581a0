// Tasks: part of the route table.
import { z } from 'zod'
import { Generate } from './generate.js'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'
import { Task, TaskKind, TaskState } from './tasks.js'

const Id = z.strictObject({ id: z.uuid() })

const list = z.string().transform((text) => text.split(','))

export const taskRoutes = {
  verifyCheckpoint: {
    method: 'POST',
    path: '/checkpoints/:id/verify',
    scope: 'submit',
    summary: 'Read a checkpoint’s object again and compare size and hash: a task; a damaged one is quarantined',
    params: Id,
    status: 202,
    reply: Task,
  },
  generateImages: {
    method: 'POST',
    path: '/checkpoints/:id/generate',
    scope: 'submit',
    summary: 'Draw images from a checkpoint’s generator: a task; the same request again is answered by the same task',
    params: Id,
    body: Generate,
    status: 202,
    reply: Task,
  },
  downloadTaskOutput: {
    method: 'GET',
    path: '/tasks/:id/output',
    scope: 'read',
    summary: 'What a task made: the images of `generate`, the file of `export`',
    params: Id,
    status: 200,
    reply: 'application/octet-stream',
  },
  listTasks: {
    method: 'GET',
    path: '/tasks',
    scope: 'read',
    summary: 'Tasks, newest first',
    query: z.strictObject({
      /** One state, or several with commas between. */
      state: list.pipe(z.array(TaskState)).optional(),
      /** One kind, or several with commas between. */
      kind: list.pipe(z.array(TaskKind)).optional(),
      /** Those on checkpoints of this job. */
      jobId: z.uuid().optional(),
      limit: wholeNumber(1, 200).default(50),
      cursor: z.string().max(200).optional(),
    }),
    status: 200,
    reply: z.object({ items: z.array(Task), nextCursor: z.string().nullable() }),
  },
  getTask: {
    method: 'GET',
    path: '/tasks/:id',
    scope: 'read',
    summary: 'One task: its state, and its result when it has one',
    params: Id,
    status: 200,
    reply: Task,
  },
  cancelTask: {
    method: 'POST',
    path: '/tasks/:id/cancel',
    scope: 'submit',
    summary: 'Cancel a task; once more is no error',
    params: Id,
    status: 200,
    reply: Task,
  },
} as const satisfies Record<string, Route>
