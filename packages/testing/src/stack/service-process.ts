import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** One line of a process's JSON log. */
export interface LogLine {
  msg: string
  [field: string]: unknown
}

export interface ServiceOptions {
  /** For messages: `api`, `worker 1`. */
  name: string
  /** A built main file that says by an IPC message that it is ready. */
  script: string
  env: NodeJS.ProcessEnv
  /** Runs node: `ip netns exec a`. */
  enter?: [command: string, ...args: string[]]
}

/** A process of ours that is killed, stopped and started again by a test. */
export interface ServiceProcess {
  readonly name: string
  /** Undefined while it is down. */
  readonly pid: number | undefined
  /** Everything that all its lives wrote to stderr. */
  readonly lines: readonly LogLine[]
  /** Starts it, with `env` laid over its own for this life, and resolves with the message that says that it is ready. */
  start(env?: NodeJS.ProcessEnv): Promise<Record<string, unknown>>
  signal(signal: NodeJS.Signals): void
  /** Resolves when it is gone, with its exit code or the signal that ended it; at once when it is down. */
  ended(): Promise<number | NodeJS.Signals | null>
  /** `kill -9`. */
  kill(): Promise<void>
  /** SIGTERM. */
  stop(): Promise<number | NodeJS.Signals | null>
}

const READY_WITHIN_MS = 120_000

export function serviceProcess({ name, script, env, enter }: ServiceOptions): ServiceProcess {
  let child: ChildProcess | undefined
  let end: Promise<number | NodeJS.Signals | null> = Promise.resolve(null)
  const lines: LogLine[] = []

  return {
    name,
    get pid() {
      return child?.pid
    },
    lines,
    async start(over = {}) {
      if (child) throw new Error(`${name} runs already`)
      // Detached: Ctrl-C in a terminal is for the harness, which then takes its processes down in order.
      const started = fork(script, [], {
        env: { ...env, ...over },
        ...(enter ? { execPath: enter[0], execArgv: [...enter.slice(1), process.execPath] } : { execArgv: [] }),
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      })
      child = started
      readLines(started, lines)
      end = once(started, 'exit').then(([code, signal]) => {
        child = undefined
        return (code ?? signal) as number | NodeJS.Signals | null
      })
      const tooLate = setTimeout(() => started.kill('SIGKILL'), READY_WITHIN_MS)
      const ready = once(started, 'message').then(([message]) => message as Record<string, unknown>)
      try {
        return await Promise.race([ready, end.then((how) => Promise.reject(notReady(name, how, lines)))])
      } finally {
        clearTimeout(tooLate)
      }
    },
    signal: (signal) => void child?.kill(signal),
    ended: () => end,
    async kill() {
      child?.kill('SIGKILL')
      await end
    },
    async stop() {
      child?.kill('SIGTERM')
      return end
    },
  }
}

function readLines(child: ChildProcess, lines: LogLine[]): void {
  let rest = ''
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    const whole = (rest + chunk).split('\n')
    rest = whole.pop() ?? ''
    for (const line of whole) lines.push(parseLine(line))
  })
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return { msg: line }
  }
}

const notReady = (name: string, how: unknown, lines: readonly LogLine[]) =>
  new Error(
    `${name} ended (${String(how)}) before it was ready:\n${lines
      .slice(-5)
      .map((line) => JSON.stringify(line))
      .join('\n')}`,
  )

/** Process ids of the direct children of `pid`, such as the trainers of a worker. Linux only. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number)
}

function parentOf(pid: string): number | undefined {
  try {
    // The command's name may hold anything; the parent is the second field after its closing bracket (proc(5)).
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    )
  } catch {
    return undefined
  }
}
