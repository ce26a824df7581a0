// Who may ask for what, and who did: keys, sessions of the dashboard, the audit log. Part of the route table.
import { z } from 'zod'
import { ApiKey, CreateApiKey, CreatedApiKey, PatchApiKey, Scope } from './keys.js'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'

const KeyId = z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) })

/** Who asks, by whatever it proved it. */
export const Session = z
  .object({
    /** The key's name; `local` while the service has no keys. */
    actor: z.string(),
    keyId: z.string().nullable(),
    scope: Scope,
    /** When the cookie of a session ends; null for a request with a key of its own, or without keys. */
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Session' })
export type Session = z.infer<typeof Session>

/** One request that changed something, or tried to; or took a whole file. Kept for ever. */
export const AuditEntry = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    /** The key's name at that time, and its id. */
    actor: z.string(),
    keyId: z.string().nullable(),
    /** Where the request came from. */
    address: z.string(),
    requestId: z.string(),
    /** The operation's name, as in the OpenAPI document. */
    action: z.string(),
    /** The id in its path, or that of what it made. */
    target: z.string().nullable(),
    /** HTTP status of the answer: 400 and above changed nothing. */
    status: z.int(),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>

export const accessRoutes = {
  listKeys: {
    method: 'GET',
    path: '/api-keys',
    scope: 'admin',
    summary: 'Every API key ever made, oldest first, without its secret',
    status: 200,
    reply: z.object({ items: z.array(ApiKey) }),
  },
  createKey: {
    method: 'POST',
    path: '/api-keys',
    scope: 'admin',
    summary: 'Make an API key; the token is shown only in this reply',
    body: CreateApiKey,
    status: 201,
    reply: CreatedApiKey,
    shownOnce: 'token',
  },
  patchKey: {
    method: 'PATCH',
    path: '/api-keys/:id',
    scope: 'admin',
    summary: 'Change a key’s name, expiry or limits',
    params: KeyId,
    body: PatchApiKey,
    status: 200,
    reply: ApiKey,
  },
  revokeKey: {
    method: 'POST',
    path: '/api-keys/:id/revoke',
    scope: 'admin',
    summary: 'Revoke a key and end its sessions; once more is no error',
    params: KeyId,
    status: 200,
    reply: ApiKey,
  },
  startSession: {
    method: 'POST',
    path: '/session',
    scope: 'public',
    summary: 'Log a browser in with a key: sets a cookie that scripts cannot read',
    body: z.strictObject({ key: z.string().min(1).max(200) }),
    status: 201,
    reply: Session,
  },
  getSession: {
    method: 'GET',
    path: '/session',
    scope: 'read',
    summary: 'Who asks, and what it may do',
    status: 200,
    reply: Session,
  },
  endSession: {
    method: 'DELETE',
    path: '/session',
    scope: 'read',
    summary: 'Log out: the cookie is worth nothing from now on',
    status: 200,
    reply: z.object({ ended: z.boolean() }),
  },
  listAudit: {
    method: 'GET',
    path: '/audit',
    scope: 'admin',
    summary: 'Who changed what, newest first',
    query: z.strictObject({
      keyId: KeyId.shape.id.optional(),
      action: z
        .string()
        .regex(/^\w{1,50}$/)
        .optional(),
      target: z.string().max(100).optional(),
      limit: wholeNumber(1, 200).default(50),
      cursor: z.string().max(200).optional(),
    }),
    status: 200,
    reply: z.object({ items: z.array(AuditEntry), nextCursor: z.string().nullable() }),
  },
} as const satisfies Record<string, Route>
