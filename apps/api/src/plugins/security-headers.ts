import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

/** For replies that are not pages: nothing may run, nothing may frame them. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

/** For pages of ours: own files only. The UI kits set styles by attribute, hence unsafe-inline for styles and nothing else. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

export async function useSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, { contentSecurityPolicy: false })
  app.addHook('onRequest', async (request, reply) => {
    const isPage = /^\/(?:ui|docs)(?:\/|\?|$)/.test(request.url)
    reply.header('content-security-policy', isPage ? pagePolicy : dataPolicy)
    reply.header('cache-control', 'no-store')
  })
}
