import type { FastifyReply, FastifyRequest } from 'fastify'

const name = 'kantor_session'
const pattern = new RegExp(`(?:^|; *)${name}=([0-9a-f]{64})(?:;|$)`)

/** No script reads it, no other site's page sends it, and over TLS it never leaves in the clear. */
const attributes = (request: FastifyRequest) =>
  `; Path=/; HttpOnly; SameSite=Strict${request.protocol === 'https' ? '; Secure' : ''}`

/** The one cookie of the service: hexadecimal, so there is nothing to escape. */
export const sessionCookie = {
  read: (request: FastifyRequest): string | undefined => pattern.exec(request.headers.cookie ?? '')?.[1],
  set: (reply: FastifyReply, token: string, expiresAt: Date) =>
    void reply.header('set-cookie', `${name}=${token}; Expires=${expiresAt.toUTCString()}${attributes(reply.request)}`),
  clear: (reply: FastifyReply) => void reply.header('set-cookie', `${name}=; Max-Age=0${attributes(reply.request)}`),
}
