import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../failure.js'

export interface SupervisedOptions {
  /** For people: `api`, `worker 1`. */
  name: string
  /** A built main.js that reports readiness by an IPC message. */
  script: string
  env: NodeJS.ProcessEnv
  /** `type` of that message. */
  readyType: string
  logFile: string
  /** SIGTERM, then SIGKILL after this long. */
  graceMs: number
  note: (line: string) => void
  /** After each start that got ready, and after each exit. */
  changed: () => void
}

export interface Supervised {
  readonly name: string
  /** Undefined while the process is down. */
  readonly pid: number | undefined
  /** The message that said it was ready. */
  readonly ready: Record<string, unknown>
  /** Does not restart any more. Resolves when the process is gone. */
  stop(): Promise<void>
  /** SIGKILL, no restart. */
  kill(): void
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** A process that lived this long starts the back-off anew. */
const HEALTHY_MS = 60_000
const READY_WITHIN_MS = 120_000

/** Starts a child process, waits until it is ready, and from then on starts another whenever it dies unasked, at growing intervals. */
export async function supervise(options: SupervisedOptions): Promise<Supervised> {
  let stopping = false
  let child: ChildProcess | undefined
  let ready: Record<string, unknown> = {}
  let gone: Promise<void> = Promise.resolve()
  const wake = new AbortController()

  const start = async (): Promise<void> => {
    const started = launch(options)
    child = started.child
    gone = started.exited
    started.child.once('exit', () => (child = undefined))
    ready = await started.ready
    options.changed()
  }
  await start()

  const keepAlive = async (): Promise<void> => {
    let pauseMs = FIRST_PAUSE_MS
    let startedAt = Date.now()
    for (;;) {
      const dying = child
      await gone
      if (stopping) return
      options.changed()
      if (Date.now() - startedAt > HEALTHY_MS) pauseMs = FIRST_PAUSE_MS
      options.note(
        `${options.name} ended unexpectedly (${howItEnded(dying)}); starting it again in ${pauseMs / 1000} s`,
      )
      await sleep(pauseMs, undefined, { signal: wake.signal }).catch(() => {})
      if (stopping) return
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      startedAt = Date.now()
      await start().then(
        () => options.note(`${options.name} is back (process ${child?.pid})`),
        (error: unknown) => {
          if (!stopping) options.note(error instanceof Error ? error.message : String(error))
        },
      )
    }
  }
  const alive = keepAlive()

  return {
    name: options.name,
    get pid() {
      return child?.pid
    },
    get ready() {
      return ready
    },
    async stop() {
      stopping = true
      wake.abort()
      child?.kill('SIGTERM')
      const giveUp = setTimeout(() => {
        if (!child) return
        options.note(`${options.name} did not stop within ${options.graceMs / 1000} s; killing it`)
        child.kill('SIGKILL')
      }, options.graceMs)
      await gone
      clearTimeout(giveUp)
      await alive
    },
    kill() {
      stopping = true
      wake.abort()
      child?.kill('SIGKILL')
    },
  }
}

interface Launched {
  child: ChildProcess
  ready: Promise<Record<string, unknown>>
  exited: Promise<void>
}

function launch(options: SupervisedOptions): Launched {
  const { script, env, readyType, logFile } = options
  const output = openSync(logFile, 'a')
  // Detached: Ctrl-C in a terminal reaches the whole process group, and the order of stopping is ours to choose.
  const child = fork(script, [], { env, detached: true, stdio: ['ignore', output, output, 'ipc'] })
  closeSync(output)
  const exited = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  const ready = new Promise<Record<string, unknown>>((done, fail) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(notReady(options, `was not ready after ${READY_WITHIN_MS / 1000} s`))
    }, READY_WITHIN_MS)
    child.on('message', (message) => {
      if (!isMessage(message) || message['type'] !== readyType) return
      clearTimeout(timer)
      done(message)
    })
    child.once('exit', () => {
      clearTimeout(timer)
      fail(notReady(options, `ended before it was ready (${howItEnded(child)})`))
    })
  })
  return { child, ready, exited }
}

const notReady = ({ name, logFile }: SupervisedOptions, why: string) =>
  new Failure('failed', `${name} ${why}:\n${tail(logFile)}`, { remedy: `the whole log: ${logFile}` })

const isMessage = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const howItEnded = (child: ChildProcess | undefined) =>
  child?.signalCode ?? (child?.exitCode === null ? 'could not be started' : `exit code ${child?.exitCode}`)

const tail = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n')
