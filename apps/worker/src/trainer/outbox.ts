import { type CurvePoint } from '@kantor/contracts'
import { type FromTrainer, type Obstacle, packPoints } from './protocol.js'

type Acknowledged = Extract<FromTrainer, { seq: number }>
type Body = Acknowledged extends infer M ? (M extends { seq: number } ? Omit<M, 'seq'> : never) : never

const POINTS_PER_MESSAGE = 256
const SECONDS_BETWEEN_MESSAGES = 0.2
const WORTH_TELLING_SECONDS = 3
/**
 * Unacknowledged messages of each kind. About 4 000 points wait at most when the supervisor cannot write. One checkpoint is on its way
 * and one waits in the spool: the third holds training at a step boundary until the store has taken the first. Samples are small.
 */
const windows = { points: 16, sample: 8, checkpoint: 2 } as const
type Kind = keyof typeof windows

/** The trainer's sending side: batches points, and waits while too much is unacknowledged, so memory and spool stay bounded. */
export class Outbox {
  readonly #send: (message: FromTrainer) => void
  readonly #clock: () => number
  readonly #unacknowledged = new Map<number, Kind>()
  #points: CurvePoint[] = []
  #epoch = 0
  #sentAt = -Infinity
  #seq = 0
  #open = true
  #wait: { for: Obstacle; since: number } | undefined
  #wake: () => void = () => {}

  /** `clock` in seconds of training. */
  constructor(send: (message: FromTrainer) => void, clock: () => number) {
    this.#send = send
    this.#clock = clock
  }

  async point(point: CurvePoint, epoch: number): Promise<void> {
    // The trainer may reuse its array for the next step.
    this.#points.push({ ...point, values: Float32Array.from(point.values) })
    this.#epoch = epoch
    const due = this.#points.length >= POINTS_PER_MESSAGE || this.#clock() - this.#sentAt >= SECONDS_BETWEEN_MESSAGES
    if (due) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#points.length === 0) return
    const points = this.#points
    this.#points = []
    this.#sentAt = this.#clock()
    await this.#post({
      type: 'points',
      ...packPoints(points),
      epoch: this.#epoch,
      elapsedSeconds: this.#clock(),
    })
  }

  /** Points of earlier steps go first: a checkpoint's row must never be ahead of its curve. */
  async artifact(body: Body): Promise<void> {
    await this.flush()
    await this.#post(body)
  }

  acknowledge(seq: number): void {
    this.#unacknowledged.delete(seq)
    this.#wake()
  }

  /** Nobody will acknowledge any more: let the loop run to its end. */
  release(): void {
    this.#open = false
    this.#wake()
  }

  /** What has been holding the loop up for a while. A busy store does so all the time, for moments. */
  get waitsFor(): Obstacle | undefined {
    return this.#wait && this.#clock() - this.#wait.since >= WORTH_TELLING_SECONDS ? this.#wait.for : undefined
  }

  /** Resolves when one more of `kind` may wait. Asked before an artifact is written, so that the spool never holds more than its window. */
  async room(kind: Kind): Promise<void> {
    while (this.#open && this.#count(kind) >= windows[kind]) {
      this.#wait ??= { for: kind === 'points' ? 'database' : 'object_store', since: this.#clock() }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#wait = undefined
  }

  async #post(body: Body): Promise<void> {
    await this.room(body.type)
    const seq = this.#seq++
    this.#unacknowledged.set(seq, body.type)
    this.#send({ ...body, seq })
  }

  #count(kind: Kind): number {
    let count = 0
    for (const waiting of this.#unacknowledged.values()) if (waiting === kind) count += 1
    return count
  }
}
