import type { CurvePoint } from '@kantor/contracts'

const MAX_POINTS = 1000
const MAX_DELAY_MS = 1000

/**
 * Curve points on their way to the database, in order, written at most a second or a thousand points late. `write` gets at
 * most 1 000 points and is called again only when it has settled; when it rejects, everything after it rejects too.
 */
export class PointBuffer {
  readonly #write: (points: CurvePoint[]) => Promise<void>
  readonly #onError: (error: unknown) => void
  #waiting: CurvePoint[] = []
  #line: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(write: (points: CurvePoint[]) => Promise<void>, onError: (error: unknown) => void) {
    this.#write = write
    this.#onError = onError
  }

  /** Resolves when there is room for more: at once, or after the write that a full buffer has to wait for. */
  async push(points: readonly CurvePoint[]): Promise<void> {
    for (const point of points) this.#waiting.push(point)
    if (this.#waiting.length >= MAX_POINTS) return this.flush()
    this.#timer ??= setTimeout(() => void this.flush().catch(this.#onError), MAX_DELAY_MS)
  }

  /** Resolves when every point pushed so far is written. */
  async flush(): Promise<void> {
    return this.#inLine(async () => {
      while (this.#waiting.length > 0) await this.#write(this.#waiting.splice(0, MAX_POINTS))
    })
  }

  /** Hands the waiting points up to and including `step` to `commit`, which writes them together with something else. */
  async commitThrough<T>(step: number, commit: (points: CurvePoint[]) => Promise<T>): Promise<T> {
    return this.#inLine(() => {
      const later = this.#waiting.findIndex((point) => point.step > step)
      return commit(this.#waiting.splice(0, later < 0 ? this.#waiting.length : later))
    })
  }

  /** No timer is left behind. Points not yet written are dropped. */
  close(): void {
    clearTimeout(this.#timer)
    this.#waiting = []
  }

  async #inLine<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const result = this.#line.then(work)
    this.#line = settledLike(result)
    // The caller of `result` sees the error; the line only has to stay broken.
    this.#line.catch(() => {})
    return result
  }
}

async function settledLike(work: Promise<unknown>): Promise<void> {
  await work
}
