import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startPostgres } from './postgres.js'
import { identify } from './processes.js'
import { repoRoot } from './repo-root.js'

const built = join(repoRoot(), 'packages/runtime/dist/index.js')
let root = ''
beforeAll(() => {
  if (!existsSync(built)) throw new Error('packages/runtime is not built: run "npx tsc -b packages/runtime"')
  root = mkdtempSync(join(tmpdir(), 'kantor-process-'))
  chmodSync(root, 0o755)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A node process, in a process group of its own, that runs `body` with the built package's exports as `r`. */
function run(body: string, env: NodeJS.ProcessEnv = {}) {
  const script = `import * as r from ${JSON.stringify(pathToFileURL(built).href)};\n${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
    detached: true,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  return { child, output }
}

async function printed(child: ChildProcess, output: { stdout: string }, what: string) {
  while (!output.stdout.includes(what)) {
    if (child.exitCode !== null) throw new Error(`the process ended before it printed ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const untilSignal = (close: string) => `
  const log = r.createLogger({ logLevel: 'info' }, 'test')
  r.runUntilSignal(log, { graceMs: 500 }, async () => { ${close} })
  setInterval(() => {}, 1000)
  console.log('running')`

describe('a process', () => {
  test('E1: with a bad environment prints every problem and exits 78', async () => {
    const { child, output } = run(`r.loadEnvOrExit({ database: 'set it', listens: true }); console.log('went on')`, {
      KANTOR_PORT: 'abc',
      KANTOR_DEVCE: 'gpu',
      REDIS_URL: 'http://:hunter2@redis',
      KANTOR_HOST: '0.0.0.0',
    })
    const [code] = (await once(child, 'close')) as [number]

    expect(code).toBe(78)
    expect(output.stdout).toBe('')
    expect(
      output.stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['KANTOR_DEVCE', 'REDIS_URL', 'KANTOR_PORT', 'DATABASE_URL', 'KANTOR_HOST'])
    expect(output.stderr).not.toContain('hunter2')
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('closes and exits 0 on %s', async (signal) => {
    const { child, output } = run(untilSignal(`console.log('closed')`))
    await printed(child, output, 'running')

    child.kill(signal)
    const [code] = (await once(child, 'close')) as [number]

    expect(code).toBe(0)
    expect(output.stdout).toContain('closed')
  })

  test('that does not close in time exits 1', async () => {
    const { child, output } = run(untilSignal(`await new Promise(() => {})`))
    await printed(child, output, 'running')

    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number]

    expect(code).toBe(1)
    expect(output.stderr).toContain('killed by timeout')
  })

  test('with an uncaught error closes and exits 1', async () => {
    const { child, output } = run(
      `${untilSignal(`console.log('closed')`)};setTimeout(() => { throw new Error('boom') }, 50)`,
    )
    const [code] = (await once(child, 'close')) as [number]

    expect(code).toBe(1)
    expect(output.stdout).toContain('closed')
    expect(output.stderr).toContain('boom')
  })
})

const serve = (directory: string, end: string) => `
  const server = await r.startPostgres({ directory: ${JSON.stringify(directory)} })
  console.log('pid ' + server.pid + ';')
  ${end}`
const pidIn = (text: string) => Number(/pid (\d+);/.exec(text)?.[1])

describe('Postgres of a process', () => {
  test('is refused to others while the process lives, and taken over when it was killed', async () => {
    const directory = join(root, 'killed')
    const { child, output } = run(serve(directory, 'setInterval(() => {}, 1000)'))
    await printed(child, output, ';')
    await expect(startPostgres({ directory })).rejects.toThrow(`is in use by process ${child.pid}`)

    child.kill('SIGKILL')
    await once(child, 'close')
    const server = await startPostgres({ directory })

    expect(identify(pidIn(output.stdout))).toBeNull()
    await server.stop()
  })

  test('is stopped when the process exits without stopping it', async () => {
    const { child, output } = run(serve(join(root, 'exited'), 'process.exit(3)'))
    await once(child, 'close')

    const pid = pidIn(output.stdout)
    expect(pid).toBeGreaterThan(0)
    while (identify(pid)) await new Promise((resolve) => setTimeout(resolve, 20))
  })

  test('survives Ctrl-C long enough for the process to finish with it', async () => {
    const { child, output } = run(
      serve(
        join(root, 'ctrl-c'),
        `const log = r.createLogger({ logLevel: 'silent' }, 'test')
         r.runUntilSignal(log, { graceMs: 20000 }, async () => {
           await new Promise((resolve) => setTimeout(resolve, 300))
           process.kill(server.pid, 0)
           console.log('still there')
           await server.stop()
         })
         console.log('listening')
         setInterval(() => {}, 1000)`,
      ),
    )
    await printed(child, output, 'listening')

    // A terminal signals the whole process group; the server must not be in it.
    process.kill(-(child.pid ?? 0), 'SIGINT')
    const [code] = (await once(child, 'close')) as [number]

    expect(code).toBe(0)
    expect(output.stdout).toContain('still there')
    expect(identify(pidIn(output.stdout))).toBeNull()
  })
})

describe('crashpoint', () => {
  test('kills its process at the armed passage and at no other point', async () => {
    const { child, output } = run(
      `r.crashpoint('claim-before'); r.crashpoint('claim-after'); console.log('once')
       setTimeout(() => { r.crashpoint('claim-after'); console.log('twice') }, 100)`,
      { KANTOR_CRASH_AT: 'claim-after:2' },
    )

    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]

    expect([code, signal]).toEqual([null, 'SIGKILL'])
    expect(output.stdout).toBe('once\n')
  })
})
