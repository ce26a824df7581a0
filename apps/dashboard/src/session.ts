import { ClientError } from '@kantor/client'
import { useSyncExternalStore } from 'react'

/** What the whole page knows about its line to the API. */
export interface Session {
  /** The API answered 401: nothing works until a browser logs in with a key. */
  locked: boolean
  /** What is wrong while the API does not answer. */
  outage: string | null
}

const listeners = new Set<() => void>()
let session: Session = { locked: false, outage: null }

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

export function noteAnswer(): void {
  change({ outage: null, locked: false })
}

export function noteError(error: unknown): void {
  if (!(error instanceof ClientError)) return
  if (error.status === 401) change({ locked: true, outage: null })
  else if (error.transient) change({ outage: error.detail })
  else change({ outage: null })
}
