import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal } from '@kantor/contracts'
import { countDroppedLines, readLog } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { register } from '../register.js'
import { existingJob } from './jobs.js'

/** Between looks for the first line of a waiting reader. */
const LOOK_MS = 500

export function logRoutes(app: FastifyInstance, { db, isShuttingDown = () => false }: ApiDeps): void {
  register(app, 'getLogs', async ({ params, query, request }) => {
    const { wait, ...options } = query
    const deadline = performance.now() + wait * 1000
    for (;;) {
      // The job first: lines that came before its end are then in what is read after.
      const job = await existingJob(db, params.id)
      const complete = isTerminal(job.state)
      const items = await readLog(db, params.id, options)
      const over = complete || performance.now() >= deadline || isShuttingDown() || request.raw.destroyed
      if (items.length > 0 || over) {
        const cursor = items.at(-1)?.id ?? query.after ?? 0
        return { items, cursor, dropped: await countDroppedLines(db, params.id, query.attempt), complete }
      }
      await sleep(Math.min(LOOK_MS, Math.max(1, deadline - performance.now())))
    }
  })
}
