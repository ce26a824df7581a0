/**
 * Why an attempt should end before its budget does. Each outranks the ones before it:
 * `preempt` this worker is going down, the job goes back to the queue · `pause` checkpoint, then wait · `stop` early end with a usable
 * model · `halt` pause at once, work since the newest checkpoint is given up · `cancel` nothing more is wanted · `abandon` no time is
 * left: kill and hand back · `lost` another attempt owns the job, or may: nothing is written any more.
 */
const wishes = ['preempt', 'pause', 'stop', 'halt', 'cancel', 'abandon', 'lost'] as const
export type Wish = (typeof wishes)[number]

/** Thrown by a stage that was cut short by a wish. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

/** The strongest wish so far, and who wants to hear of it. Wishes only ever get stronger. */
export class Intent {
  #rank = -1
  readonly #listeners = new Set<(wish: Wish) => void>()
  readonly #reached = wishes.map(() => new AbortController())

  get current(): Wish | undefined {
    return wishes[this.#rank]
  }

  /** Aborted, with an Interrupted, once the wish is `wish` or stronger. */
  reached(wish: Wish): AbortSignal {
    return this.#reached[wishes.indexOf(wish)]!.signal
  }

  raise(wish: Wish): void {
    const rank = wishes.indexOf(wish)
    if (rank <= this.#rank) return
    this.#rank = rank
    for (const controller of this.#reached.slice(0, rank + 1)) controller.abort(new Interrupted(wish))
    for (const listener of this.#listeners) listener(wish)
  }

  /** Calls `listener` for the present wish, if any, and for each stronger one. Returns the way to stop listening. */
  listen(listener: (wish: Wish) => void): () => void {
    this.#listeners.add(listener)
    if (this.current) listener(this.current)
    return () => void this.#listeners.delete(listener)
  }
}
