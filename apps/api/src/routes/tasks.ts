import { AppError } from '@kantor/contracts'
import { cancelTask, createTask, getTask, listTasks } from '@kantor/db'
import type { FastifyInstance } from 'fastify'
import { register } from '../register.js'

/** Workers look for queued tasks themselves: nothing has to be told to them here. */
export function taskRoutes(app: FastifyInstance): void {
  register(app, 'verifyCheckpoint', async ({ params, db, reply }) => {
    const task = await createTask(db, { kind: 'verify', checkpointId: params.id })
    reply.header('location', `/tasks/${task.id}`)
    return task
  })
  register(app, 'listTasks', ({ query, db }) => listTasks(db, query))
  register(app, 'getTask', async ({ params, db }) => {
    const task = await getTask(db, params.id)
    if (!task) throw new AppError('not-found', `there is no task ${params.id}; tasks go with their checkpoint`)
    return task
  })
  register(app, 'cancelTask', ({ params, db }) => cancelTask(db, params.id))
}
