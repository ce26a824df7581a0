import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import { AppError } from '@kantor/contracts'
import type { FastifyInstance } from 'fastify'
import { asPublic } from './public-routes.js'

/** The built dashboard under /ui/. Its files are public: they hold no data, and the page must load before it can ask for a key. */
export async function serveDashboard(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(async (scope) => {
    asPublic(scope)
    for (const url of ['/', '/ui'])
      scope.get(url, { schema: { hide: true } }, async (_request, reply) => reply.redirect('/ui/', 307))
  })
  await app.register(
    async (scope) => {
      asPublic(scope)
      if (!existsSync(join(directory, 'index.html'))) return sayNotBuilt(scope)
      await scope.register(fastifyStatic, {
        root: directory,
        cacheControl: false,
        setHeaders: (reply, path) => {
          // Names under assets/ carry a hash of the content.
          const isHashed = path.startsWith(join(directory, 'assets'))
          reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
        },
      })
      // The page has its own routes: /ui/jobs/… is the same file. A missing file stays missing.
      scope.setNotFoundHandler((request, reply) => {
        const path = request.url.split('?', 1)[0]!
        const isPage = (request.method === 'GET' || request.method === 'HEAD') && !/\.\w+$/.test(path)
        if (!isPage || path.startsWith('/ui/assets/')) throw new AppError('not-found', 'the dashboard has no such file')
        return reply.sendFile('index.html')
      })
    },
    { prefix: '/ui' },
  )
}

function sayNotBuilt(scope: FastifyInstance): void {
  scope.get('/*', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .code(503)
      .type('text/html; charset=utf-8')
      .send(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Kantor</title><body><h1>The dashboard is not built</h1>' +
          '<p>Run <code>npm run build</code> and restart the API. The API itself works: see <a href="/docs">/docs</a>.</p></body></html>\n',
      ),
  )
}
