import { z } from 'zod'
import { text } from './strings.js'

/** What a bearer key may do; each scope includes the ones before it. */
export const Scope = z.enum(['read', 'submit', 'admin'])
export type Scope = z.infer<typeof Scope>

const rank: Record<Scope, number> = { read: 0, submit: 1, admin: 2 }
export const allows = (granted: Scope, needed: Scope): boolean => rank[granted] >= rank[needed]

const count = z.int().min(0).max(1_000_000)

/** What a key may use; null is no limit. Every limit counts for the whole key, however many people hold it. */
const quotas = {
  /** Jobs that may run at once; more of them wait. */
  maxRunning: count.nullable(),
  /** Jobs that may wait at once; one more is refused. */
  maxQueued: count.nullable(),
  /** Floating-point operations that one job's budget may come to, in 10^15. */
  maxPetaOperations: z.number().min(1e-6).max(1e9).nullable(),
}
export const KeyQuotas = z.object(quotas)
export type KeyQuotas = z.infer<typeof KeyQuotas>

/** A key without its secret. */
export const ApiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    scope: Scope,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
    /** Of the last minute or so; null when it was never used. */
    lastUsedAt: z.iso.datetime().nullable(),
    ...quotas,
  })
  .meta({ id: 'ApiKey' })
export type ApiKey = z.infer<typeof ApiKey>

const KeyName = text(100).min(1)
const Expiry = z.iso.datetime({ offset: true }).nullable()
const optionalQuotas = z.strictObject(quotas).partial().shape

export const CreateApiKey = z.strictObject({
  name: KeyName,
  scope: Scope.default('submit'),
  expiresAt: Expiry.optional(),
  ...optionalQuotas,
})
export type CreateApiKey = z.infer<typeof CreateApiKey>

/** What is absent stays; null takes a limit or an expiry away. */
export const PatchApiKey = z
  .strictObject({ name: KeyName.optional(), expiresAt: Expiry.optional(), ...optionalQuotas })
  .refine((changes) => Object.keys(changes).length > 0, {
    message: 'must name at least one thing to change',
    params: { code: 'required' },
  })
export type PatchApiKey = z.infer<typeof PatchApiKey>

export const CreatedApiKey = ApiKey.extend({
  /** Shown only now: it is stored as a hash. Null where a repeated request is answered again. */
  token: z.string().nullable(),
}).meta({ id: 'CreatedApiKey' })
