/**
 * A ticket that nobody turned into a claim for this long is taken for lost: claims refuse it, and it is drawn again. With the draw that
 * happens every second and the claim itself, a job whose ticket is lost starts within 30 s.
 */
const TICKET_SECONDS = 20

/** Whether the newest ticket of a `job` row still counts. */
export const ticketCounts = `coalesce(job.ticketed_at > clock_timestamp() - make_interval(secs => ${TICKET_SECONDS}), false)`

/**
 * Every queued job in the order in which jobs start: priority; then fair share, a key's next job standing behind as many of each other
 * key's as that key has running and queued before it; then age. So a sweep of thousands delays another key's first job by one job.
 * Without authentication all jobs share one key. `held_back` jobs are beyond what their key may have running at once, or are not tried
 * again yet after a crash (`backing_off`).
 * Common table expressions, to follow `WITH`. Of equal priority, jobs whose ticket is out come first: only a more urgent job overtakes one.
 */
export const orderedQueue = `running AS (
    SELECT coalesce(key_id, '') AS key, count(*) AS n FROM job WHERE lease_until IS NOT NULL GROUP BY 1
  ), placed AS (
    SELECT id, device, priority, created_at, coalesce(key_id, '') AS key, ticketed, backing_off,
      row_number() OVER (PARTITION BY coalesce(key_id, '') ORDER BY priority, ticketed DESC, created_at, id) AS place
    FROM (
      SELECT *, ${ticketCounts} AS ticketed,
        coalesce(not_before > clock_timestamp(), false) AS backing_off
      FROM job WHERE state = 'queued'
    ) AS queued
  ), ordered AS (
    SELECT placed.id, device, ticketed, held_back, backing_off,
      row_number() OVER (ORDER BY priority, ticketed DESC, share, placed.created_at, placed.id) AS position
    FROM placed LEFT JOIN running USING (key) LEFT JOIN api_key ON api_key.id = placed.key,
      LATERAL (SELECT coalesce(running.n, 0) + place AS share) AS shared,
      LATERAL (SELECT backing_off OR coalesce(share > api_key.max_running, false) AS held_back) AS limited
  )`
