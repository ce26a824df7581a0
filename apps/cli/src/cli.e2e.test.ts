import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AppError, type ErrorCode } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'

const id = '0198c0de-0000-7000-8000-000000000001'
let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'kantor-cli-'))))
afterAll(() => rm(directory, { recursive: true, force: true }))

interface Run {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the built program as a shell would, without a terminal. */
function kantor(args: string[], options: { env?: NodeJS.ProcessEnv } = {}): Promise<Run> {
  const child = spawn(process.execPath, [join(repoRoot(), 'apps/cli/bin/kantor.mjs'), ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
  })
  child.stdin.end()
  const run: Run = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (run.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (run.stderr += chunk))
  return new Promise((done) => child.once('close', (code) => done({ ...run, code })))
}

/** An HTTP server on loopback that gives every request the same answer. */
async function anAnswer(status: number, body: unknown): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

describe('misuse', () => {
  test.each([
    ['an unknown command', ['jop', 'list'], /Did you mean job\?/],
    ['an unknown subcommand', ['job', 'lst'], /Did you mean list\?/],
    ['an unknown option', ['job', 'list', '--jsn'], /Did you mean --json\?/],
    ['a missing argument', ['job', 'show'], /missing required argument 'id'/],
    ['a value out of range', ['job', 'list', '--limit', '0'], /whole number from 1 to 200/],
    ['an unknown state', ['job', 'list', '--state', 'runing'], /States are: queued/],
    ['an address without scheme', ['--url', '127.0.0.1:1', 'job', 'list'], /http:\/\//],
    ['no source for a dataset', ['dataset', 'import', 'mine'], /give one source/],
    ['no place in a bucket', ['dataset', 'import', 'mine', 's3://photos/../x'], /write s3:\/\/bucket/],
    ['a sweep of nothing', ['sweep', 'submit', '--set', 'dataset=mnist'], /nothing is searched/],
    ['an empty stdin', ['job', 'submit', '-'], /stdin is empty/],
  ])('%s is said on stderr and ends with 2', async (_, args, message) => {
    const { code, stdout, stderr } = await kantor(args)

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  test('a file that is not JSON ends with 2, one that is not there with 3', async () => {
    const file = join(directory, 'job.yaml')
    await writeFile(file, 'spec:\n  dataset: mnist\n')

    expect(await kantor(['job', 'submit', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not JSON'),
    })
    expect(await kantor(['job', 'submit', join(directory, 'nothing.json')])).toMatchObject({ code: 3 })
    expect(await kantor(['parity', join(directory, 'nothing.safetensors')])).toMatchObject({ code: 3 })
  })

  test('a bad environment ends with 78, every problem named, no secret shown', async () => {
    const env = { KANTOR_PORT: 'eighty', KANTOR_PROT: '1', DATABASE_URL: 'mysql://root:hunter2@db/x' }
    const { code, stderr } = await kantor(['job', 'list'], { env })

    expect(code).toBe(78)
    expect(stderr).toMatch(/KANTOR_PORT/)
    expect(stderr).toMatch(/did you mean KANTOR_PORT/)
    expect(stderr).toMatch(/DATABASE_URL/)
    expect(stderr).not.toMatch(/hunter2/)
  })

  test('help and version are data and end with 0', async () => {
    expect(await kantor(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(await kantor(['job', '--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('submit') })
  })
})

describe('answers of the API', () => {
  test.each<[ErrorCode, number]>([
    ['not-found', 3],
    ['unauthenticated', 4],
    ['insufficient-scope', 4],
    ['invalid-state', 5],
    ['validation-failed', 2],
    ['dependency-unavailable', 6],
    ['internal', 1],
  ])('%s ends with %i', async (problem, expected) => {
    const error = new AppError(problem, 'in so many words')
    const api = await anAnswer(error.status, error.toProblem('/jobs', 'r'))
    const { code, stdout, stderr } = await kantor(['--url', api.url, 'job', 'cancel', id])
    await api.close()

    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toMatch(/in so many words/)
  })

  test('nobody there ends with 6 and names the address', async () => {
    const api = await anAnswer(200, {})
    await api.close()
    const { code, stderr } = await kantor(['job', 'list'], { env: { KANTOR_URL: api.url } })

    expect(code).toBe(6)
    expect(stderr).toContain(api.url)
  })

  test('--json is one document on stdout', async () => {
    const page = { items: [], nextCursor: null }
    const api = await anAnswer(200, page)
    const { code, stdout } = await kantor(['job', 'list', '--json', '--url', api.url])
    await api.close()

    expect({ code, reply: JSON.parse(stdout) as unknown }).toEqual({ code: 0, reply: page })
  })

  test('a database is needed for keys: none ends with 6 and a remedy', async () => {
    expect(await kantor(['key', 'list'])).toMatchObject({ code: 6, stderr: expect.stringContaining('kantor up') })
  })
})

describe('kantor doctor', () => {
  test('--json names every check with its finding, and a remedy beside all that is not OK', async () => {
    const { code, stdout } = await kantor(['doctor', '--json'])
    const report = JSON.parse(stdout) as {
      ok: boolean
      checks: { name: string; status: string; found: string; remedy?: string }[]
    }

    expect(code).toBe(report.ok ? 0 : 1)
    expect(report.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'tensorflow', 'data directory', 'postgres', 'redis', 'object store']),
    )
    for (const check of report.checks) expect(Boolean(check.remedy)).toBe(check.status !== 'OK')
    expect(report.checks.find(({ name }) => name === 'postgres')).toMatchObject({ status: 'OK' })
  })

  test('ends with 1 when something needed is missing, and says how to mend it', async () => {
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' }
    const { code, stdout } = await kantor(['doctor'], { env })

    expect(code).toBe(1)
    expect(stdout).toMatch(/FAIL {2}postgres/)
    expect(stdout).toMatch(/FAIL {2}redis .*\n +→ .*REDIS_URL/)
  })
})

describe('kantor paper', () => {
  test('trains jobs on a service of its own, whatever the environment names, and judges what they leave', async () => {
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', KANTOR_API_KEY: 'somebody’s' }
    const { code, stdout } = await kantor(['paper', 'init-vs-clip', '--json'], { env })

    const { bars } = JSON.parse(stdout) as { bars: unknown[] }
    const value = expect.any(Number) as unknown
    expect({ code, bars }).toEqual({
      code: 0,
      bars: [{ name: 'init-vs-clip', value, op: '<=', limit: 1, pass: true }],
    })
  }, 600_000)
})

describe('kantor worker', () => {
  test('killed without a word, leaves no worker behind', async () => {
    const child = spawn(process.execPath, [join(repoRoot(), 'apps/cli/bin/kantor.mjs'), 'worker'], {
      env: { PATH: process.env['PATH'], HOME: directory, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const line = await new Promise<string>((resolve) => child.stderr.setEncoding('utf8').once('data', resolve))
    const { pid } = JSON.parse(line.split('\n')[0]!) as { pid: number }
    child.kill('SIGKILL')

    while (isAlive(pid)) await sleep(50)
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
