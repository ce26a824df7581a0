import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from './system-error.js'

/** A process that can be told from a later one with the same number, after a reboot too: its id and when it began, as the system writes it. */
export interface ProcessIdentity {
  pid: number
  startedAt: string
}

/** Who runs under `pid` now, or null when nobody does (a zombie counts as nobody). */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid)
  return startedAt === null ? null : { pid, startedAt }
}

export function isSameProcess(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt
}

/** The command line of `pid`, arguments separated by spaces; empty when it cannot be read. */
export function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}

/** Sends `signal` and waits until the process is gone: true when it went within `timeoutMs`. */
export async function signalAndWait(pid: number, signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return true
    throw error
  }
  const deadline = performance.now() + timeoutMs
  while (identify(pid)) {
    if (performance.now() > deadline) return false
    await sleep(20)
  }
  return true
}

function startTimeFromProc(pid: number): string | null {
  try {
    // The command name may hold spaces and brackets: count fields after its closing bracket (proc(5), field 3 is the state, 22 the start).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    if (fields[0] === 'Z' || fields[19] === undefined) return null
    // Counted from the boot, so it says nothing without it.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`
  } catch {
    return null
  }
}

function startTimeFromPs(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
  } catch {
    return null
  }
}
