import { isTerminal, type JobEvent, type JobState, transitions } from '@kantor/contracts'
import { checkpointEntry, coordinatesEntry, sampleEntry } from './entry-names.js'
import type { ArchivedDocuments } from './read-job-archive.js'

/** What of an archive's documents contradicts another, or no job of ours could be; null when all is well. */
export function archiveFault(
  documents: ArchivedDocuments,
  entries: ReadonlyMap<string, { sizeBytes: number; sha256: string }>,
): string | null {
  const { 'job.json': job, 'attempts.json': attempts, 'events.json': events, 'curve.json': curve } = documents
  if (!isTerminal(job.state))
    return `job.json: the job was ${job.state} when it was exported; export it again when it is over`
  const gap = attempts.findIndex(({ attempt, endedAt }, i) => attempt !== i + 1 || endedAt === null)
  if (gap !== -1 || attempts.length !== job.attempt)
    return `attempts.json: the attempts are not 1 to ${job.attempt}, each of them over`
  const began = curve.startedAt === null ? null : Math.floor(curve.startedAt / 1000)
  if (began !== (job.startedAt === null ? null : Date.parse(job.startedAt)))
    return 'curve.json: startedAt is not that of job.json'
  if ([...curve.rollbacks, ...curve.marks].some(({ seq, attempt }) => seq > curve.seq || attempt > job.attempt))
    return 'curve.json: a rollback or a mark is of a number or an attempt that the job does not have'
  return historyFault(events, job.state, job.attempt) ?? objectFault(documents, entries)
}

/** A path through the table of states, from the submission to the end, with as many claims as attempts. */
function historyFault(events: readonly JobEvent[], state: JobState, attempts: number): string | null {
  let [at, claims]: [JobState | null, number] = [null, 0]
  for (const [i, { seq, from, to }] of events.entries()) {
    const isMove = from === null ? to === 'queued' && i === 0 : from === to || transitions[from].includes(to)
    if (seq !== i + 1 || from !== at || !isMove)
      return `events.json: event ${seq} does not follow from the one before it`
    if (from === 'queued' && to === 'starting') claims += 1
    at = to
  }
  if (at !== state) return `events.json: the last event ends in ${String(at)}, job.json says ${state}`
  return claims === attempts ? null : `events.json: ${claims} claims, job.json says ${attempts} attempts`
}

function objectFault(
  { 'job.json': job, 'samples.json': samples, 'checkpoints.json': checkpoints }: ArchivedDocuments,
  entries: ReadonlyMap<string, { sizeBytes: number; sha256: string }>,
): string | null {
  const named = new Set<string>()
  const rows = [
    ...samples.map((row) => ({ row, list: 'samples.json', name: sampleEntry(row) })),
    ...checkpoints.map((row) => ({ row, list: 'checkpoints.json', name: checkpointEntry(row) })),
  ]
  for (const { row, list, name } of rows) {
    if (row.attempt < 1 || row.attempt > job.attempt) return `${list}: the job has no attempt ${row.attempt}`
    if (row.file === null) continue
    const entry = entries.get(name)
    if (row.file !== name || named.has(name)) return `${list}: ${name} is the entry of step ${row.step}, once`
    if (!entry) return `${list}: ${name} is not in the archive`
    if (entry.sha256 !== row.sha256 || entry.sizeBytes !== row.sizeBytes)
      return `${list}: size and sha256 of ${name} are not those of the manifest`
    named.add(name)
  }
  for (const sample of samples.filter(({ points }) => points !== null)) {
    const { count, dimensions } = sample.points!
    const name = coordinatesEntry(sample)
    if (entries.get(name)?.sizeBytes !== 4 * count * dimensions)
      return `samples.json: ${name} is not of ${count} points with ${dimensions} coordinates`
    named.add(name)
  }
  const stray = [...entries.keys()].find((name) => name.includes('/') && !named.has(name))
  return stray === undefined ? null : `${stray} is an entry that no list names`
}
