import type { JobState } from '@kantor/contracts'

/** States as a person sorts them: what waits, what runs, and how the rest ended. */
const stateGroups = {
  waiting: ['queued', 'paused'],
  active: ['starting', 'running', 'pausing', 'stopping', 'cancelling'],
  succeeded: ['succeeded'],
  stopped: ['stopped'],
  cancelled: ['cancelled'],
  failed: ['failed'],
} as const satisfies Record<string, readonly JobState[]>
export type StateGroup = keyof typeof stateGroups
export const groupNames = Object.keys(stateGroups) as StateGroup[]

/** Reads `?show=active,failed`; names that are not groups are left out. */
export function parseGroups(show: unknown): { show?: string } {
  const groups = readGroups(typeof show === 'string' ? show : undefined)
  return groups.length > 0 ? { show: groups.join(',') } : {}
}

export function readGroups(show: string | undefined): StateGroup[] {
  const asked = new Set(show?.split(','))
  return groupNames.filter((name) => asked.has(name))
}

export const statesOf = (groups: readonly StateGroup[]): JobState[] => groups.flatMap((name) => [...stateGroups[name]])
