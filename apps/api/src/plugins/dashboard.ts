import { existsSync } from 'node:fs'
import { extname, join } from 'node:path'
import { AppError } from '@kantor/contracts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { allowStyles } from './security-headers.js'
import { readFolder, sendFile } from './static-files.js'

const options = { config: { scope: 'public' }, schema: { hide: true } } as const

/** The built dashboard under /ui/. Its files are public: they hold no data, and the page must load before it can ask for a key. */
export function serveDashboard(app: FastifyInstance, directory: string): void {
  for (const url of ['/', '/ui']) app.get(url, options, async (_request, reply) => reply.redirect('/ui/', 307))
  const isBuilt = existsSync(join(directory, 'index.html'))
  app.get('/ui/*', options, isBuilt ? fileHandler(directory) : sayNotBuilt)
}

function fileHandler(directory: string) {
  const files = readFolder(directory)
  // Never from a cache: the nonce in it is good for one reply.
  const page = files.get('index.html')!.bytes.toString()
  files.delete('index.html')
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const path = (request.params as { '*': string })['*']
    const file = files.get(path)
    if (file) return sendFile(file, { immutable: path.startsWith('assets/') }, request, reply)
    // The page has routes of its own: /ui/jobs/… is the same file. A missing file stays missing.
    const isPage = path === 'index.html' || (extname(path) === '' && !path.startsWith('assets/'))
    if (!isPage) throw new AppError('not-found', 'the dashboard has no such file')
    const nonce = allowStyles(reply)
    return reply.type('text/html; charset=utf-8').send(page.replaceAll('__CSP_NONCE__', nonce))
  }
}

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kantor</title></head>
<body><h1>The dashboard is not built</h1>
<p>Run <code>npm run build</code> and start the API again. The API itself works: see <a href="/docs">/docs</a>.</p></body></html>
`
const sayNotBuilt = async (_request: FastifyRequest, reply: FastifyReply) =>
  reply.code(503).type('text/html; charset=utf-8').send(notBuilt)
