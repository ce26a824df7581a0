import { ClientError } from '@kantor/client'
import { useSyncExternalStore } from 'react'

/** What the whole page knows about its line to the API. */
export interface Session {
  apiKey: string | undefined
  /** The API answered 401: nothing works until a key is given. */
  locked: boolean
  /** What is wrong while the API does not answer. */
  outage: string | null
}

const storageKey = 'kantor.api-key'
const listeners = new Set<() => void>()
let session: Session = { apiKey: sessionStorage.getItem(storageKey) ?? undefined, locked: false, outage: null }

function change(part: Partial<Session>): void {
  const keys = Object.keys(part) as (keyof Session)[]
  if (keys.every((key) => session[key] === part[key])) return
  session = { ...session, ...part }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useSession = (): Session => useSyncExternalStore(subscribe, () => session)
export const currentKey = (): string | undefined => session.apiKey

/** Kept for this tab only: closing it forgets the key. */
export function rememberKey(apiKey: string): void {
  sessionStorage.setItem(storageKey, apiKey)
  change({ apiKey, locked: false })
}

export function forgetKey(): void {
  sessionStorage.removeItem(storageKey)
  change({ apiKey: undefined })
}

export function noteAnswer(): void {
  change({ outage: null, locked: false })
}

export function noteError(error: unknown): void {
  if (!(error instanceof ClientError)) return
  if (error.status === 401) change({ locked: true, outage: null })
  else if (error.transient) change({ outage: error.detail })
  else change({ outage: null })
}
