// The pyramid's measures. A node of level k covers 32^k steps, a row of that level 32 nodes; so a row of level 1 covers one chunk of points.

export const FANOUT = 32
/** Steps of a chunk: points in it lie together, and are rolled up together. */
export const CHUNK = FANOUT ** 2
/** A row of it covers more steps than a spec allows. */
export const TOP_LEVEL = 5
/** The authors' filter width, stored in every node. */
export const MEDIAN_WINDOW = 101

export const chunkOf = (step: number): number => Math.floor(step / CHUNK)
export const nodeWidth = (level: number): number => FANOUT ** level
export const rowWidth = (level: number): number => FANOUT ** (level + 1)

/** Rows of a level that are complete when so many chunks are closed. */
export const completeRows = (level: number, closed: number): number => Math.floor(closed / FANOUT ** (level - 1))
