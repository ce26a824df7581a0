/** At most `count` pieces of work at once; further ones wait, in their order. */
export class Slots {
  readonly #count: number
  readonly #waiting: (() => void)[] = []
  #used = 0

  constructor(count: number) {
    this.#count = count
  }

  get numUsed(): number {
    return this.#used
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#used < this.#count) this.#used += 1
    // Whoever ends hands its slot over: `used` stays as it is.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#used -= 1
    }
  }
}
