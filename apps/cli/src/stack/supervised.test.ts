import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { supervise, type Supervised, type SupervisedOptions } from './supervised.js'

let directory: string
let running: Supervised | undefined
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'kantor-supervised-'))))
afterEach(async () => {
  running?.kill()
  await running?.stop()
  running = undefined
  await rm(directory, { recursive: true, force: true })
})

const isReady = `process.send({ type: 'ready', workerId: 'w' + process.pid });`
const stays = `setInterval(() => {}, 1000);`

async function start(script: string, options: Partial<SupervisedOptions> = {}) {
  const notes: string[] = []
  const file = join(directory, 'child.mjs')
  await writeFile(file, script)
  running = await supervise({
    name: 'worker 1',
    script: file,
    env: process.env,
    readyType: 'ready',
    logFile: join(directory, 'child.log'),
    graceMs: 5000,
    note: (line) => notes.push(line),
    changed: () => {},
    ...options,
  })
  return { child: running, notes }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 20))
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('supervise', () => {
  test('resolves with the message that said it was ready', async () => {
    const { child } = await start(isReady + stays)

    expect(child.ready).toEqual({ type: 'ready', workerId: `w${child.pid}` })
  })

  test('starts another one after a kill -9, and says so', async () => {
    const { child, notes } = await start(isReady + stays)
    const first = child.pid!
    process.kill(first, 'SIGKILL')
    await until(() => child.pid !== undefined && child.pid !== first && child.ready['workerId'] === `w${child.pid}`)

    expect(notes[0]).toMatch(/worker 1 ended unexpectedly \(SIGKILL\); starting it again in 0\.5 s/)
    await until(() => notes.length === 2)
    expect(notes[1]).toMatch(/worker 1 is back/)
  })

  test('stops it by SIGTERM, waits for its farewell, and does not start another', async () => {
    const { child, notes } = await start(
      `process.on('SIGTERM', () => setTimeout(() => process.exit(0), 200)); ${isReady} ${stays}`,
    )
    const pid = child.pid!
    await child.stop()

    expect(isAlive(pid)).toBe(false)
    expect(child.pid).toBeUndefined()
    expect(notes).toEqual([])
  })

  test('kills one that ignores SIGTERM when the grace is over', async () => {
    const { child, notes } = await start(`process.on('SIGTERM', () => {}); ${isReady} ${stays}`, { graceMs: 100 })
    const pid = child.pid!
    await child.stop()

    expect(isAlive(pid)).toBe(false)
    expect(notes).toEqual([expect.stringMatching(/did not stop within 0\.1 s/)])
  })

  test('can be stopped while it waits to start again', async () => {
    const { child } = await start(`${isReady} ${stays}`)
    process.kill(child.pid!, 'SIGKILL')
    await until(() => child.pid === undefined)
    await child.stop()

    expect(child.pid).toBeUndefined()
  })

  test('one that ends before it is ready is a failure with its last words', async () => {
    const dying = start(`console.error('KANTOR_PORT: must be a whole number'); process.exit(78)`)

    await expect(dying).rejects.toThrow(
      /ended before it was ready \(exit code 78\):\nKANTOR_PORT: must be a whole number/,
    )
  })

  test('Ctrl-C in the terminal does not reach it: it leads a process group of its own', async () => {
    const { child } = await start(isReady + stays)

    // Signal 0 to a group that the child does not lead would throw ESRCH.
    expect(process.kill(-child.pid!, 0)).toBe(true)
  })
})
