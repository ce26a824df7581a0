import type { Job, MovingVerb, RouteName } from '@kantor/contracts'
import { askJob, deleteJob, patchJob, setArchived } from '@kantor/db'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import { actOnJobs } from '../act-on-jobs.js'
import { forkJob, inheritSpec, retryJob } from '../continue-job.js'
import { revisionsOf, sendJob } from '../entity-tag.js'
import { register } from '../register.js'
import { removeObjects } from '../remove-objects.js'

const plain = { resumeJob: 'resume', stopJob: 'stop', cancelJob: 'cancel' } as const satisfies Partial<
  Record<RouteName, MovingVerb>
>

export function verbRoutes(app: FastifyInstance): void {
  register(app, 'pauseJob', ({ params, body, actor, db }) => askJob(db, params.id, { verb: 'pause', actor, ...body }))
  for (const name of Object.keys(plain) as (keyof typeof plain)[]) {
    register(app, name, ({ params, actor, db }) => askJob(db, params.id, { verb: plain[name], actor }))
  }
  register(app, 'archiveJob', ({ params, actor, db }) => setArchived(db, params.id, true, actor))
  register(app, 'unarchiveJob', ({ params, actor, db }) => setArchived(db, params.id, false, actor))
  register(app, 'patchJob', async ({ params, body, actor, db, request, reply }) =>
    sendJob(await patchJob(db, params.id, body, { actor, revisions: revisionsOf(request) }), request, reply),
  )
  register(app, 'deleteJob', async ({ params, db, afterwards }) => {
    await deleteJob(db, params.id)
    afterwards(() => removeObjects(app.deps, params.id))
    return { id: params.id, deleted: true as const }
  })

  register(app, 'retryJob', async ({ params, by, db, reply }) => located(await retryJob(db, params.id, by), reply))
  register(
    app,
    'forkJob',
    async ({ params, body, by, db, reply }) => located(await forkJob(db, params.id, body, by), reply),
    {
      preValidation: async (request) => {
        const { id } = request.params as { id: string }
        if (z.uuid().safeParse(id).success) request.body = await inheritSpec(app.deps.db, id, request.body)
      },
    },
  )

  register(app, 'actOnJobs', async ({ body, by, db, afterwards }) => {
    const answer = await actOnJobs(db, body, by)
    const deleted = body.action === 'delete' ? answer.results.filter(({ ok }) => ok) : []
    for (const { id } of deleted) afterwards(() => removeObjects(app.deps, id))
    return answer
  })
}

function located(job: Job, reply: FastifyReply): Job {
  reply.header('location', `/jobs/${job.id}`)
  return job
}
