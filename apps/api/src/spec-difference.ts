import type { Job, JobSpec, SpecDifference } from '@kantor/contracts'

/** The keys that two specs do not share, in the order of the first one. */
export function specDifferences(here: JobSpec, there: JobSpec): SpecDifference[] {
  const [left, right] = [flatten(here), flatten(there)]
  const differences: SpecDifference[] = []
  for (const pointer of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(pointer), right.get(pointer)]
    if (a !== b)
      differences.push({ pointer, ...(a !== undefined && { here: a }), ...(b !== undefined && { there: b }) })
  }
  return differences
}

/** The job among `others` whose spec differs least from that of `job`; of equals the first. Another seed is no difference of kind. */
export function nearestJob(job: Job, others: Job[]): { job: Job; differences: SpecDifference[] } | null {
  let best: { job: Job; differences: SpecDifference[] } | null = null
  for (const other of others) {
    const differences = specDifferences(job.spec, other.spec)
    if (best === null || weigh(differences) < weigh(best.differences)) best = { job: other, differences }
  }
  return best
}

const weigh = (differences: SpecDifference[]) => differences.filter(({ pointer }) => pointer !== '/seed').length

/** Leaves by their RFC 6901 pointers; keys of a spec need no escape. */
function flatten(value: object, prefix = ''): Map<string, unknown> {
  const leaves = new Map<string, unknown>()
  for (const [key, inner] of Object.entries(value)) {
    const pointer = `${prefix}/${key}`
    if (typeof inner === 'object' && inner !== null) for (const leaf of flatten(inner, pointer)) leaves.set(...leaf)
    else leaves.set(pointer, inner)
  }
  return leaves
}
