/** `promise`, or a rejection after `ms`. A queue client may wait for its server without end. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Calls `attempt` until it succeeds, with growing pauses (0.1 s to 2 s), for at most `ms`; then, or when `isFinal` says that trying
 * again is no use, rejects with its last error.
 */
export async function withBackOff<T>(
  ms: number,
  attempt: () => Promise<T>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  const deadline = performance.now() + ms
  for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
    try {
      return await attempt()
    } catch (error) {
      if (isFinal(error) || performance.now() + pause > deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
