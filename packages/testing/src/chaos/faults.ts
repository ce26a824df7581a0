import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessStack } from '../stack/process-stack.js'
import { childrenOf, type ServiceProcess } from '../stack/service-process.js'
import type { Random } from './random.js'

/** Something that goes wrong, and is put right again. */
export interface Fault {
  name: string
  /** Jobs at work may lose their attempt by it. */
  costsAttempts: boolean
  /** Resolves when it is over; false when there was nothing to strike. */
  strike(stack: ProcessStack, random: Random): Promise<boolean>
}

/** `kill -9` of each kind of process there is; all but a trainer are started again after up to two seconds. */
export const kills: readonly Fault[] = [
  { name: 'kill -9 api', costsAttempts: false, strike: ({ api }, random) => killAndRestart(api, random) },
  {
    name: 'kill -9 worker',
    costsAttempts: true,
    strike: ({ workers }, random) => killAndRestart(random.pick(workers), random),
  },
  {
    name: 'kill -9 trainer',
    costsAttempts: true,
    strike: ({ workers }, random) => strikeTrainer(random.pick(workers), 'SIGKILL'),
  },
  {
    name: 'kill -9 postgres',
    costsAttempts: true,
    async strike({ postgres }, random) {
      await postgres.kill()
      await sleep(random.between(0, 2000))
      await postgres.restart()
      return true
    },
  },
  {
    name: 'kill -9 redis',
    costsAttempts: false,
    async strike({ redis }, random) {
      if (!redis) return false
      await redis.kill()
      await sleep(random.between(0, 2000))
      await redis.restart()
      return true
    },
  },
]

/** Longer than a lease: whoever stands still this long has lost what it held. */
const STILL_MS = [500, 12_000] as const

/** What else can happen to processes: they are told to leave, or stand still and go on as if nothing had been. */
export const disturbances: readonly Fault[] = [
  ...kills,
  { name: 'SIGTERM api', costsAttempts: false, strike: ({ api }) => stopAndStart(api) },
  { name: 'SIGTERM worker', costsAttempts: false, strike: ({ workers }, random) => stopAndStart(random.pick(workers)) },
  {
    name: 'SIGSEGV trainer',
    costsAttempts: true,
    strike: ({ workers }, random) => strikeTrainer(random.pick(workers), 'SIGSEGV'),
  },
  {
    name: 'SIGSTOP worker',
    costsAttempts: true,
    strike: ({ workers }, random) => standStill(pidsOf(random.pick(workers), random.next() < 0.5), random),
  },
  { name: 'SIGSTOP api', costsAttempts: false, strike: ({ api }, random) => standStill(pidsOf(api, false), random) },
  {
    name: 'SIGSTOP postgres',
    costsAttempts: true,
    async strike({ postgres }, random) {
      postgres.signal('SIGSTOP')
      await sleep(random.between(...STILL_MS))
      postgres.signal('SIGCONT')
      return true
    },
  },
  {
    name: 'cut wire',
    costsAttempts: true,
    strike: (stack, random) => breakWire(stack, random, 'cut'),
  },
  {
    name: 'dead wire',
    costsAttempts: true,
    strike: (stack, random) => breakWire(stack, random, 'stall'),
  },
]

/** A worker's wire to the database: reset, or dead without a word. */
async function breakWire({ wires }: ProcessStack, random: Random, how: 'cut' | 'stall'): Promise<boolean> {
  if (wires.length === 0) return false
  const wire = random.pick(wires)
  await wire[how]()
  await sleep(random.between(...STILL_MS))
  await wire.mend()
  return true
}

async function killAndRestart(service: ServiceProcess, random: Random): Promise<boolean> {
  if (service.pid === undefined) return false
  await service.kill()
  await sleep(random.between(0, 2000))
  await startStubbornly(service)
  return true
}

async function stopAndStart(service: ServiceProcess): Promise<boolean> {
  if (service.pid === undefined) return false
  const code = await service.stop()
  if (code !== 0) throw new Error(`${service.name} left with ${String(code)} after SIGTERM`)
  await startStubbornly(service)
  return true
}

/** A start may fall into the next fault; whoever runs the service in earnest would start it again as well. */
async function startStubbornly(service: ServiceProcess): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await service.start()
      return
    } catch (error) {
      if (tries === 5) throw error
    }
    await sleep(500)
  }
}

async function strikeTrainer(worker: ServiceProcess, signal: NodeJS.Signals): Promise<boolean> {
  const [trainer] = worker.pid === undefined ? [] : childrenOf(worker.pid)
  return trainer !== undefined && send(trainer, signal)
}

const pidsOf = ({ pid }: ServiceProcess, withChildren: boolean) =>
  pid === undefined ? [] : [pid, ...(withChildren ? childrenOf(pid) : [])]

async function standStill(pids: number[], random: Random): Promise<boolean> {
  if (pids.length === 0) return false
  for (const pid of pids) send(pid, 'SIGSTOP')
  await sleep(random.between(...STILL_MS))
  for (const pid of pids) send(pid, 'SIGCONT')
  return true
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    // It ended meanwhile.
    return false
  }
}
