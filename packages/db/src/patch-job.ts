import { AppError, type Job, type PatchJob } from '@kantor/contracts'
import { type Database, transaction } from './database.js'
import { jobColumns, type OwnedJobRow, toJob } from './job-row.js'
import { appendEvent } from './transition.js'
import { existing } from './verbs.js'

/**
 * Changes what is mutable, and appends an event that says what; what is as asked already appends none. A new priority counts from the
 * dispatcher's next look. With `revisions` the job must be at one of them. AppError `not-found`, `precondition-failed`.
 */
export async function patchJob(
  db: Database,
  id: string,
  changes: PatchJob,
  { actor, revisions }: { actor: string; revisions?: number[] | undefined },
): Promise<Job> {
  return transaction(db, async (tx) => {
    const before = toJob(await existing(tx, id))
    if (revisions && !revisions.includes(before.revision)) throw changedSince(before)
    const message = describeChanges(before, changes)
    if (message === '') return before
    const { name, tags, notes, priority } = changes
    const { rows } = await tx.query<OwnedJobRow>(
      `UPDATE job SET name = coalesce($2, name), tags = coalesce($3, tags), notes = coalesce($4, notes),
         priority = coalesce($5, priority), revision = revision + 1, event_seq = event_seq + 1
       WHERE id = $1 RETURNING ${jobColumns}`,
      [id, name ?? null, tags ?? null, notes ?? null, priority ?? null],
    )
    const [job] = rows
    await appendEvent(tx, before.state, job!, { to: before.state, reason: 'edited', message, actor })
    return toJob(job!)
  })
}

const changedSince = ({ id, revision }: Job) =>
  new AppError(
    'precondition-failed',
    `job ${id} is at revision ${revision} by now; look at it again, and send its revision or ETag as If-Match`,
  )

/** For people: `priority 100 → 5; tags +run=2 −old`. Notes are long, so that they changed must do. Empty when nothing differs. */
function describeChanges(job: Job, changes: PatchJob): string {
  const said: string[] = []
  if (changes.name !== undefined && changes.name !== job.name) said.push(`name “${job.name}” → “${changes.name}”`)
  if (changes.priority !== undefined && changes.priority !== job.priority)
    said.push(`priority ${job.priority} → ${changes.priority}`)
  const tags = changes.tags ? differingTags(job.tags, changes.tags) : []
  if (tags.length > 0) said.push(`tags ${tags.join(' ')}`)
  if (changes.notes !== undefined && changes.notes !== job.notes) said.push('notes')
  return said.join('; ')
}

function differingTags(before: Record<string, string>, after: Record<string, string>): string[] {
  const added = Object.entries(after).filter(([key, value]) => before[key] !== value)
  const removed = Object.keys(before).filter((key) => !(key in after))
  return [...added.map(([key, value]) => `+${key}=${value}`), ...removed.map((key) => `−${key}`)]
}
