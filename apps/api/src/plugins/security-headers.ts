import { randomBytes } from 'node:crypto'
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** For replies that are not pages: nothing may run, nothing may frame them. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

/** For pages of ours: own files only, and no style but theirs and those that carry the page's nonce. */
const pagePolicy = (styleSource = '') =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${styleSource}`,
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')

/**
 * The dashboard writes no markup from text: what tries is stopped by the browser. Its own policy, `default`, lets style sheets pass, which the UI kit
 * puts in as text (`before-paint.js`). The pages of other projects that we serve write markup by themselves.
 */
const noMarkupFromText = "; require-trusted-types-for 'script'; trusted-types default"

export async function useSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, { contentSecurityPolicy: false })
  app.addHook('onRequest', async (request, reply) => {
    const isPage = /^\/(?:ui|docs)(?:\/|\?|$)/.test(request.url)
    reply.header('content-security-policy', isPage ? pagePolicy() : dataPolicy)
    reply.header('cache-control', 'no-store')
  })
}

/** Lets the reply's page have styles of its own that carry the nonce; it is good for this one reply. */
export function allowStyles(reply: FastifyReply): string {
  const nonce = randomBytes(16).toString('base64url')
  const isDashboard = reply.request.url.startsWith('/ui')
  reply.header('content-security-policy', pagePolicy(` 'nonce-${nonce}'`) + (isDashboard ? noMarkupFromText : ''))
  return nonce
}
