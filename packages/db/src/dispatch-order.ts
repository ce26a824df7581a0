/**
 * A ticket that nobody turned into a claim for this long is taken for lost and drawn again. With the draw that happens every second and the
 * claim itself, a job whose ticket is lost starts within 30 s.
 */
export const TICKET_SECONDS = 20

/**
 * Every queued job in the order in which jobs start: priority; then fair share, a key's next job standing behind as many of each other
 * key's as that key has running and queued before it; then age. So a sweep of thousands delays another key's first job by one job.
 * Without authentication all jobs share one key. `held_back` jobs are beyond what their key may have running at once, or are not tried
 * again yet after a crash (`backing_off`).
 * Two common table expressions, to follow `WITH`; jobs whose ticket is out come first, since nothing can overtake a ticket.
 */
export const orderedQueue = `running AS (
    SELECT coalesce(key_id, '') AS key, count(*) AS n FROM job WHERE lease_until IS NOT NULL GROUP BY 1
  ), placed AS (
    SELECT id, device, priority, created_at, coalesce(key_id, '') AS key, ticketed, backing_off,
      row_number() OVER (PARTITION BY coalesce(key_id, '') ORDER BY ticketed DESC, priority, created_at, id) AS place
    FROM (
      SELECT *, coalesce(ticketed_at > clock_timestamp() - make_interval(secs => ${TICKET_SECONDS}), false) AS ticketed,
        coalesce(not_before > clock_timestamp(), false) AS backing_off
      FROM job WHERE state = 'queued'
    ) AS queued
  ), ordered AS (
    SELECT placed.id, device, ticketed, held_back, backing_off,
      row_number() OVER (ORDER BY ticketed DESC, priority, share, placed.created_at, placed.id) AS position
    FROM placed LEFT JOIN running USING (key) LEFT JOIN api_key ON api_key.id = placed.key,
      LATERAL (SELECT coalesce(running.n, 0) + place AS share) AS shared,
      LATERAL (SELECT backing_off OR coalesce(share > api_key.max_running, false) AS held_back) AS limited
  )`
