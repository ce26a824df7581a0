import { createHash } from 'node:crypto'
import type { Job } from '@kantor/contracts'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Changes with everything that a GET tells of the job. What is before the point is the revision, which alone counts for If-Match. */
const jobTag = (job: Job): string =>
  `"${job.revision}.${createHash('sha256').update(JSON.stringify(job)).digest('base64url').slice(0, 16)}"`

/** The job with its ETag; a 304 without it when the client holds it. */
export function sendJob(job: Job, request: FastifyRequest, reply: FastifyReply): Job | FastifyReply {
  const tag = jobTag(job)
  reply.header('etag', tag).header('cache-control', 'private, no-cache')
  const held = request.headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''))
  return request.method === 'GET' && held?.includes(tag) ? reply.code(304).send() : job
}

/** The revisions that If-Match names, as ETags or alone in quotes; undefined without it, and for `*`, which any job matches. */
export function revisionsOf(request: FastifyRequest): number[] | undefined {
  const given = request.headers['if-match']
  if (given === undefined || given.trim() === '*') return undefined
  // A proxy that compresses makes a tag weak; the revision is as good as before.
  return given.split(',').flatMap((tag) => {
    const [, revision] = /^(?:W\/)?"(\d{1,10})(?:\.[\w-]+)?"$/.exec(tag.trim()) ?? []
    return revision === undefined ? [] : [Number(revision)]
  })
}
