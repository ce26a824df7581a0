import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { JobStreams } from '../job-streams.js'
import { register } from '../register.js'

// Written by Fastify from a plain stream: @fastify/sse 0.6 waits for a drain that never comes when a client is gone, and keeps what waits.
export function streamRoutes(app: FastifyInstance, { db, log }: Pick<ApiDeps, 'db' | 'log'>): void {
  const streams = new JobStreams(db, log)
  // Before the server waits for its connections: an open stream would keep it from closing.
  app.addHook('preClose', () => streams.close())
  register(
    app,
    'streamJob',
    async ({ params, keyId, request, reply }) => {
      const last = request.headers['last-event-id']
      const stream = await streams.open(params.id, keyId ?? '', typeof last === 'string' ? last : undefined)
      if (stream === null) return reply.code(204).send()
      // No proxy may hold events back; and a connection that is left when the stream ends would keep the server from closing.
      reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').header('connection', 'close')
      return reply.send(stream)
    },
    { compress: false, exposeHeadRoute: false },
  )
}
