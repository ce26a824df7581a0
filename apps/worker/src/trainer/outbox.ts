import { type CurvePoint } from '@kantor/contracts'
import { type FromTrainer, packPoints } from './protocol.js'

type Acknowledged = Extract<FromTrainer, { seq: number }>
type Body = Acknowledged extends infer M ? (M extends { seq: number } ? Omit<M, 'seq'> : never) : never

const POINTS_PER_MESSAGE = 256
const SECONDS_BETWEEN_MESSAGES = 0.2
/** Unacknowledged messages of points: about 4 000 points wait at most when the supervisor cannot write. */
const POINT_WINDOW = 16
/** One artifact on its way and one waiting; the third holds training at a step boundary until the store has taken the first. */
const ARTIFACT_WINDOW = 2

/** The trainer's sending side: batches points, and waits while too much is unacknowledged, so memory and spool stay bounded. */
export class Outbox {
  readonly #send: (message: FromTrainer) => void
  readonly #clock: () => number
  readonly #unacknowledged = new Map<number, 'points' | 'artifact'>()
  #points: CurvePoint[] = []
  #epoch = 0
  #sentAt = -Infinity
  #seq = 0
  #open = true
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
    await this.#post('points', {
      type: 'points',
      ...packPoints(points),
      epoch: this.#epoch,
      elapsedSeconds: this.#clock(),
    })
  }

  /** Points of earlier steps go first: a checkpoint's row must never be ahead of its curve. */
  async artifact(body: Body): Promise<void> {
    await this.flush()
    await this.#post('artifact', body)
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

  async #post(kind: 'points' | 'artifact', body: Body): Promise<void> {
    const limit = kind === 'points' ? POINT_WINDOW : ARTIFACT_WINDOW
    while (this.#open && this.#count(kind) >= limit) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const seq = this.#seq++
    this.#unacknowledged.set(seq, kind)
    this.#send({ ...body, seq })
  }

  #count(kind: 'points' | 'artifact'): number {
    let count = 0
    for (const waiting of this.#unacknowledged.values()) if (waiting === kind) count += 1
    return count
  }
}
