/**
 * A ticket that nobody turned into a claim for this long is taken for lost: claims refuse it, and it is drawn again. With the draw that
 * happens every second and the claim itself, a job whose ticket is lost starts within 30 s.
 */
const TICKET_SECONDS = 20

/** Whether the newest ticket of a `job` row still counts. */
export const ticketCounts = `coalesce(job.ticketed_at > clock_timestamp() - make_interval(secs => ${TICKET_SECONDS}), false)`

/** Stands for a job that is not there: ids of ours are UUIDv7. */
export const newcomerId = 'ffffffff-ffff-4fff-bfff-ffffffffffff'

/**
 * Every queued job in the order in which jobs start: priority; then fair share, a key's next job standing behind as many of each other
 * key's as that key has running and queued before it; then age. So a sweep of thousands delays another key's first job by one job.
 * Without authentication all jobs share one key. `held_back` jobs are beyond what their key may have running at once, or are not tried
 * again yet after a crash (`backing_off`), or are beyond what their sweep may have running at once (`paced`); those of the last kind stand in
 * nobody's way, other jobs of their key included.
 * Common table expressions, to follow `WITH`. Of equal priority, jobs whose ticket is out come first: only a more urgent job overtakes one.
 */
export const orderedQueue = orderedWith('')

/** The same with one more job in it, of a device, a priority and a key: parameters $1 to $3. It is the youngest. */
export const orderedWithOneMore = orderedWith(`UNION ALL
      SELECT '${newcomerId}'::uuid, $1, $2::int, 'infinity', coalesce($3, ''), NULL, false, false`)

function orderedWith(more: string): string {
  return `running AS (
    SELECT coalesce(key_id, '') AS key, count(*) AS n FROM job WHERE lease_until IS NOT NULL GROUP BY 1
  ), queued AS (
    SELECT id, device, priority, created_at, coalesce(key_id, '') AS key, sweep_id, ${ticketCounts} AS ticketed,
      coalesce(not_before > clock_timestamp(), false) AS backing_off
    FROM job WHERE state = 'queued' ${more}
  ), paced AS (
    SELECT id FROM (
      SELECT queued.id, max_running - coalesce(n, 0) AS room, row_number() OVER (
          PARTITION BY sweep_id ORDER BY backing_off, queued.priority, ticketed DESC, queued.created_at, queued.id
        ) AS place
      FROM queued JOIN sweep ON sweep.id = sweep_id AND max_running IS NOT NULL
        LEFT JOIN (SELECT sweep_id, count(*) AS n FROM job WHERE lease_until IS NOT NULL GROUP BY 1) AS busy USING (sweep_id)
    ) AS trial WHERE place > room
  ), placed AS (
    SELECT *, row_number() OVER (PARTITION BY key, paced ORDER BY priority, ticketed DESC, created_at, id) AS place
    FROM (SELECT queued.*, paced.id IS NOT NULL AS paced FROM queued LEFT JOIN paced USING (id)) AS queued
  ), ordered AS (
    SELECT placed.id, device, ticketed, held_back, backing_off, paced,
      row_number() OVER (ORDER BY priority, ticketed DESC, share, placed.created_at, placed.id) AS position
    FROM placed LEFT JOIN running USING (key) LEFT JOIN api_key ON api_key.id = placed.key,
      LATERAL (SELECT coalesce(running.n, 0) + place AS share) AS shared,
      LATERAL (SELECT backing_off OR paced OR coalesce(share > api_key.max_running, false) AS held_back) AS limited
  )`
}
