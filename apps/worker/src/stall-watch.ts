/** Step times that the median is taken of. */
const REMEMBERED = 101
/** A step may take this many times its usual length: bursts of critic steps do. */
const USUAL_STEPS = 20
/** Before the first step a GPU may compile its kernels: half an hour and more on a new card. */
const WARM_UP_SECONDS = 3600

export interface StallWatch {
  /** The trainer has done something, or is held up by what is not its fault. */
  progress(): void
  /** So many generator steps are done after so many seconds of training: tells how long a step usually takes. */
  steps(step: number, elapsedSeconds: number): void
  stop(): void
}

/**
 * Calls `onStall` once when nothing moves for `stallSeconds` or for twenty usual steps, whichever is longer. Being alive is not moving: a
 * thread that only beats would hide a hang.
 */
export function watchForStall(stallSeconds: number, onStall: (seconds: number) => void): StallWatch {
  const durations: number[] = []
  let last: { step: number; seconds: number } | undefined
  let timer: NodeJS.Timeout

  const limitSeconds = () =>
    last ? Math.max(stallSeconds, USUAL_STEPS * median(durations)) : Math.max(stallSeconds, WARM_UP_SECONDS)
  const arm = () => {
    clearTimeout(timer)
    const seconds = limitSeconds()
    timer = setTimeout(() => onStall(seconds), seconds * 1000)
  }

  arm()
  return {
    progress: arm,
    steps(step, seconds) {
      if (last && step > last.step) durations.push((seconds - last.seconds) / (step - last.step))
      if (durations.length > REMEMBERED) durations.shift()
      last = { step, seconds }
      arm()
    },
    stop: () => clearTimeout(timer),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
