// The pyramid's measures. A node of level 1 covers 32 steps, one of a higher level eight of the level below: 32, 256, 2 048, … Buckets are
// powers of two, so a reader adds up four nodes per bucket at most. A row holds 32 nodes; one of level 1 covers one chunk of points.

/** Nodes of a row. */
export const ROW = 32
/** Nodes under a node of the next level. */
export const FANOUT = 8
/** Steps of a chunk: points in it lie together, and are rolled up together. */
export const CHUNK = 1024
/** A row of it covers more steps than a spec allows. */
export const TOP_LEVEL = 8
/** The authors' filter width, stored in every node. */
export const MEDIAN_WINDOW = 101

export const chunkOf = (step: number): number => Math.floor(step / CHUNK)
export const nodeWidth = (level: number): number => 32 * FANOUT ** (level - 1)
export const rowWidth = (level: number): number => ROW * nodeWidth(level)

/** Rows of a level that are complete when so many chunks are closed. */
export const completeRows = (level: number, closed: number): number => Math.floor(closed / FANOUT ** (level - 1))
