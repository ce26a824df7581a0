import { z } from 'zod'

/** What a bearer key may do; each scope includes the ones before it. */
export const Scope = z.enum(['read', 'submit', 'admin'])
export type Scope = z.infer<typeof Scope>

const rank: Record<Scope, number> = { read: 0, submit: 1, admin: 2 }
export const allows = (granted: Scope, needed: Scope): boolean => rank[granted] >= rank[needed]
