import type { JobSpec } from '@kantor/contracts'

export interface SpecGroup {
  name: string
  rows: [key: string, value: string][]
}

const titles: Record<string, string> = {
  model: 'Model',
  objective: 'Objective',
  optimizer: 'Optimizer',
  schedule: 'Schedule',
  remedies: 'Remedies',
  budget: 'Budget',
  sampling: 'Sampling',
  checkpoint: 'Checkpoints',
}

/** The resolved spec in groups, with the very keys that a request would use. */
export function specGroups(spec: JobSpec): SpecGroup[] {
  const run: SpecGroup = { name: 'Run', rows: [] }
  const groups: SpecGroup[] = [run]
  for (const [key, value] of Object.entries(spec)) {
    if (typeof value === 'object') {
      const rows = flatten(value)
      if (rows.length > 0) groups.push({ name: titles[key] ?? key, rows })
    } else run.rows.push([key, String(value)])
  }
  return groups
}

const flatten = (part: object, prefix = ''): [string, string][] =>
  Object.entries(part).flatMap(([key, value]): [string, string][] =>
    typeof value === 'object' && value !== null
      ? flatten(value as object, `${prefix}${key}.`)
      : [[prefix + key, String(value)]],
  )
