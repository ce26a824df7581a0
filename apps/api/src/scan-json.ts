// JSON.parse keeps the last of two equal keys, does not say where it failed, and makes `__proto__` a key. This scanner walks the text
// once, without recursion and without building anything, and refuses all of that; what passes it, JSON.parse accepts.

export interface JsonFault {
  code: 'malformed-json' | 'duplicate-key' | 'too-complex'
  message: string
  /** UTF-16 units from the start. */
  offset: number
}

const MAX_DEPTH = 64

const space = /[ \t\n\r]*/y
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/** An open object or array. */
interface Open {
  /** Keys so far; null in an array. */
  keys: Set<string> | null
  /** The key that it stands under. */
  under: string | undefined
  /** The key whose value comes next. */
  key: string | undefined
}

class Fault extends Error {
  readonly fault: JsonFault

  constructor(fault: JsonFault) {
    super(fault.message)
    this.fault = fault
  }
}

/** The first thing wrong with a JSON text, or null. `maxKeys` counts those of all objects in it. */
export function scanJson(text: string, maxKeys: number): JsonFault | null {
  try {
    new Scanner(text, maxKeys).run()
    return null
  } catch (error) {
    if (error instanceof Fault) return error.fault
    throw error
  }
}

class Scanner {
  readonly #text: string
  readonly #maxKeys: number
  readonly #open: Open[] = []
  #at = 0
  #numKeys = 0

  constructor(text: string, maxKeys: number) {
    this.#text = text
    this.#maxKeys = maxKeys
  }

  run(): void {
    this.#value()
    while (this.#open.length > 0) {
      const close = this.#open.at(-1)!.keys ? '}' : ']'
      if (this.#next(close)) this.#open.pop()
      else {
        if (!this.#next(',')) this.#fail('malformed-json', `expected "," or "${close}"`)
        this.#member()
      }
    }
    this.#skipSpace()
    if (this.#at < this.#text.length) this.#fail('malformed-json', 'unexpected text after the end')
  }

  /** A scalar whole; of an object or array the opening and, unless it is empty, everything down to the first scalar. */
  #value(): void {
    for (;;) {
      this.#skipSpace()
      const char = this.#text[this.#at]
      if (char === '"') return void this.#string()
      if (char !== '{' && char !== '[') return this.#scalar()
      this.#at += 1
      this.#push(char === '{')
      if (this.#next(char === '{' ? '}' : ']')) return void this.#open.pop()
      if (char === '{') this.#key()
    }
  }

  #member(): void {
    if (this.#open.at(-1)!.keys) this.#key()
    this.#value()
  }

  #push(isObject: boolean): void {
    if (this.#open.length >= MAX_DEPTH) this.#fail('too-complex', `nested deeper than ${MAX_DEPTH} levels`)
    this.#open.push({ keys: isObject ? new Set() : null, under: this.#open.at(-1)?.key, key: undefined })
  }

  #key(): void {
    this.#skipSpace()
    const start = this.#at
    if (this.#text[start] !== '"') this.#fail('malformed-json', 'expected a key in quotes')
    const raw = this.#string()
    const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
    const open = this.#open.at(-1)!
    const shown = JSON.stringify(key.slice(0, 64))
    if (key === '__proto__' || (key === 'prototype' && open.under === 'constructor'))
      this.#fail('malformed-json', `the key ${shown} is not allowed`, start)
    if (open.keys!.has(key))
      this.#fail('duplicate-key', `the key ${shown} stands twice in one object, the second time`, start)
    if (++this.#numKeys > this.#maxKeys) this.#fail('too-complex', `more than ${this.#maxKeys} keys`, start)
    open.keys!.add(key)
    open.key = key
    if (!this.#next(':')) this.#fail('malformed-json', 'expected ":"')
  }

  #string(): string {
    const start = this.#at
    for (this.#at += 1; ;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x22) break
      if (code === 0x5c) {
        if (!this.#match(escape)) this.#fail('malformed-json', 'unknown escape in a string')
      } else if (code >= 0x20) this.#at += 1
      else
        this.#fail(
          'malformed-json',
          Number.isNaN(code) ? 'the text ends inside a string' : 'control character in a string',
        )
    }
    this.#at += 1
    return this.#text.slice(start, this.#at)
  }

  #scalar(): void {
    if (this.#match(scalar)) return
    this.#fail('malformed-json', this.#at >= this.#text.length ? 'the text ends too early' : 'unexpected character')
  }

  #next(char: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== char) return false
    this.#at += 1
    return true
  }

  #skipSpace(): void {
    this.#match(space)
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    const found = pattern.test(this.#text)
    if (found) this.#at = pattern.lastIndex
    return found
  }

  #fail(code: JsonFault['code'], message: string, offset = this.#at): never {
    throw new Fault({ code, message, offset })
  }
}
