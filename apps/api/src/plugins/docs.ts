import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { AppError, errorCatalogue } from '@kantor/contracts'
import type { FastifyInstance } from 'fastify'
import { allowStyles } from './security-headers.js'
import { readFolder, sendFile } from './static-files.js'

const options = { config: { scope: 'public' }, schema: { hide: true } } as const

// The page's own files, without the plugin around them: it serves them through @fastify/static, which needs an ESM-only package by
// `require` and so cannot be loaded in tests on Node 20.
const require = createRequire(import.meta.url)
const swaggerUi = join(dirname(require.resolve('@fastify/swagger-ui')), 'static')
const wanted = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']

const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Kantor API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body><div id="docs"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`
const startScript = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null })\n`

/** /docs: the API to read and try. /docs/errors: where \`type\` of every problem points. Public: they hold no data. */
export function serveDocs(app: FastifyInstance): void {
  const files = readFolder(swaggerUi, (name) => wanted.includes(name))
  app.get('/docs', options, async (_request, reply) => reply.type('text/html; charset=utf-8').send(docsPage))
  app.get('/docs/', options, async (_request, reply) => reply.redirect('/docs', 307))
  app.get('/docs/start.js', options, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(startScript),
  )
  app.get('/docs/errors', options, async (_request, reply) => {
    const nonce = allowStyles(reply)
    return reply.type('text/html; charset=utf-8').send(errorPage(nonce))
  })
  app.get<{ Params: { file: string } }>('/docs/:file', options, async (request, reply) => {
    const file = files.get(request.params.file)
    if (!file) throw new AppError('not-found', 'the documentation has no such file')
    return sendFile(file, { immutable: false }, request, reply)
  })
}

function errorPage(nonce: string): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Kantor: errors</title><link rel="icon" href="/docs/favicon-32x32.png">
<style nonce="${nonce}">
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }
td, th { text-align: left; padding: .3rem 1rem .3rem 0 }
tr:target { outline: 2px solid }
</style>
</head>
<body>
<h1>Errors</h1>
<p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes, which do not change.</p>
<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
</body>
</html>
`
}
