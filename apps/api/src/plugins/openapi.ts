import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import { type RouteName, routes } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'
import Fastify, { type FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { schemaOf } from '../register.js'
import { useZod } from './zod.js'

const { version } = JSON.parse(readFileSync(join(repoRoot(), 'package.json'), 'utf8')) as { version: string }

/** The OpenAPI document of the route table; `docs/openapi.json` is this. It needs no service and answers nothing. */
export async function openApiDocument(): Promise<object> {
  const app = Fastify()
  useZod(app)
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
  for (const name of Object.keys(routes) as RouteName[]) {
    const { method, path } = routes[name]
    app.route({ method, url: path, schema: schemaOf(name, routes[name]), handler: () => undefined })
  }
  await app.ready()
  const document = app.swagger()
  await app.close()
  return document
}

/** /openapi.json: public, since it describes the program. */
export async function serveOpenApi(app: FastifyInstance): Promise<void> {
  const document = await openApiDocument()
  app.get('/openapi.json', { config: { scope: 'public' }, schema: { hide: true } }, async () => document)
}
