// Jobs as archives, out and in: part of the route table.
import { z } from 'zod'
import { Job } from './job.js'
import type { Route } from './routes.js'

const Id = z.strictObject({ id: z.uuid() })

/** Of which checkpoints an archive holds the bytes; it lists all of them. `last` is the one that a retry would go on from. */
export const CheckpointChoice = z.enum(['all', 'last', 'none'])
export type CheckpointChoice = z.infer<typeof CheckpointChoice>

export const archiveRoutes = {
  exportJob: {
    method: 'GET',
    path: '/jobs/:id/export',
    scope: 'read',
    summary:
      'All that is known of a job as one ZIP: record, spec, curve as CSV and Parquet, samples, events, attempts, and checkpoints ' +
      '(`all`, the `last` one, or `none`)',
    params: Id,
    query: z.strictObject({ checkpoints: CheckpointChoice.default('last') }),
    status: 200,
    reply: 'application/zip',
    streamed: true,
  },
  importJob: {
    method: 'POST',
    path: '/jobs/import',
    scope: 'submit',
    summary:
      'A new job, over already, from the archive of one: same curve, samples and checkpoints under an id of its own',
    upload: 'application/zip',
    status: 201,
    reply: Job,
  },
} as const satisfies Record<string, Route>
