import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { errorCatalogue } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { asPublic } from './public-routes.js'

const { version } = JSON.parse(readFileSync(join(repoRoot(), 'package.json'), 'utf8')) as { version: string }

/** Collects the routes that are registered after it. */
export async function useOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kantor',
        version,
        description: 'Trains Wasserstein GANs: submit jobs, follow their curves, fetch samples and checkpoints.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      security: [{ key: [] }],
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', description: '`kantor key create` makes one' } },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  })
}

/** /openapi.json, /docs, /docs/errors. All public: they describe the program, not what it holds. */
export async function serveDocs(app: FastifyInstance): Promise<void> {
  await app.register(async (scope) => {
    asPublic(scope)
    scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
    scope.get('/docs/errors', { schema: { hide: true } }, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(errorPage()),
    )
    await scope.register(swaggerUi, { routePrefix: '/docs', indexPrefix: '', uiConfig: { docExpansion: 'list' } })
  })
}

/** Where `type` of every problem points. */
function errorPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kantor: errors</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;padding:0 1rem}td,th{text-align:left;padding:.3rem 1rem .3rem 0}
tr:target{background:#ffd}</style></head>
<body><h1>Errors</h1><p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes. Codes do not change.</p>
<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></body></html>
`
}
