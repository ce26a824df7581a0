import type { LogLevel, LogSource } from '@kantor/contracts'
import { FencedError, type NewLogLine } from '@kantor/db'
import { type Logger, withoutSecrets } from '@kantor/runtime'

const FLUSH_MS = 1000
/** Lines that wait for the database at most; more are counted and dropped, the oldest first. */
const WAITING = 1000
const LINE_CHARACTERS = 1024
/** The last flush of an attempt may take so long: its end must not hang on a log. */
const CLOSE_MS = 5000

type Line = Omit<NewLogLine, 'ageMs'> & { seenAt: number }

export interface TrainerLog {
  /** Takes text of one or more lines. Never waits and never throws. */
  add(source: LogSource, level: LogLevel, text: string): void
  /** Takes what came out of the process: a line may come in pieces. */
  output(source: 'stdout' | 'stderr', chunk: string): void
  /** Writes what is left, for a few seconds at most. */
  close(): Promise<void>
}

export interface TrainerLogOptions {
  write: (lines: NewLogLine[], dropped: number) => Promise<void>
  log: Logger
}

/**
 * The log of one attempt on its way to the database, in batches. Training does not depend on it: while the database is away a bounded
 * number of lines waits, and what does not fit is counted.
 */
export function collectTrainerLog({ write, log }: TrainerLogOptions): TrainerLog {
  const open = { stdout: '', stderr: '' }
  let waiting: Line[] = []
  let dropped = 0
  let isLost = false
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> = Promise.resolve()

  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    if (isLost || (waiting.length === 0 && dropped === 0)) return
    const [lines, cut] = [waiting, dropped]
    waiting = []
    dropped = 0
    try {
      const now = performance.now()
      await write(
        lines.map(({ seenAt, ...line }) => ({ ...line, ageMs: now - seenAt })),
        cut,
      )
    } catch (error) {
      isLost = error instanceof FencedError
      if (!isLost) log.warn({ err: error, numLines: lines.length }, 'the log of the trainer waits for the database')
      waiting = [...lines, ...waiting]
      dropped += cut
      bound()
      arm()
    }
  }
  const arm = () => {
    timer ??= setTimeout(() => {
      flushing = flushing.then(flush)
    }, FLUSH_MS)
  }
  const bound = () => {
    const excess = waiting.length - WAITING
    if (excess <= 0) return
    waiting.splice(0, excess)
    dropped += excess
  }
  const push = (source: LogSource, level: LogLevel, raw: string) => {
    const text = printable(raw)
    if (text === '' || isLost) return
    waiting.push({ source, level, text, seenAt: performance.now() })
    bound()
    arm()
  }

  return {
    add(source, level, text) {
      for (const line of text.split('\n')) push(source, level, line)
    },
    output(source, chunk) {
      const lines = (open[source] + chunk).split(/\r?\n|\r/)
      open[source] = lines.pop()!
      for (const line of lines) push(source, levelOf(source, line), line)
      if (open[source].length <= LINE_CHARACTERS) return
      // A line without an end must not grow for ever.
      push(source, levelOf(source, open[source]), open[source])
      open[source] = ''
    },
    async close() {
      for (const source of ['stdout', 'stderr'] as const) push(source, levelOf(source, open[source]), open[source])
      let giveUp: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        giveUp = setTimeout(resolve, CLOSE_MS)
      })
      await Promise.race([flushing.then(flush), late])
      clearTimeout(giveUp)
      clearTimeout(timer)
      isLost = true
    },
  }
}

// oxlint-disable-next-line no-control-regex
const unprintable = /\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f]|\p{Surrogate}/gu

/** One line as it may be stored: no control characters (Postgres takes no NUL), no secret, not too long. */
function printable(line: string): string {
  const text = withoutSecrets(line.replace(unprintable, '')).trimEnd()
  return text.length <= LINE_CHARACTERS ? text : `${text.slice(0, LINE_CHARACTERS - 1)}…`
}

/** TensorFlow marks its lines: `2026-01-31 12:00:00.123456: E tensorflow/core/…`. */
const tensorflow = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([IWEF]) /
const levelByLetter: Record<string, LogLevel> = { I: 'info', W: 'warn', E: 'error', F: 'error' }

function levelOf(source: 'stdout' | 'stderr', line: string): LogLevel {
  const letter = tensorflow.exec(line)?.[1]
  if (letter !== undefined) return levelByLetter[letter]!
  if (source === 'stdout') return 'info'
  return /(error|exception|fatal|terminate called|aborted)\b/i.test(line) ? 'error' : 'warn'
}
