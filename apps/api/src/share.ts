/** Whoever asks within `rememberedMs` gets the same answer: many who ask must not load the services behind it. */
export function share<T>(rememberedMs: number, load: () => Promise<T>): () => Promise<T> {
  let held: Promise<T> | undefined
  let until = 0
  return () => {
    if (!held || performance.now() >= until) {
      held = load()
      until = performance.now() + rememberedMs
    }
    return held
  }
}
