// A process that was taken over by what it decodes: what it reaches then. The programs here are hostile on purpose.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { SpooledDataset } from '@kantor/datasets'
import { runSandboxed } from './run-sandboxed.js'
import { hasNamespaces } from './sandbox.js'

let directory: string
beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'kantor-sandbox-test-')))
  for (const name of ['scratch', 'source', 'source-else']) await mkdir(join(directory, name))
  await writeFile(join(directory, 'source', 'image.png'), 'a picture')
  await writeFile(join(directory, 'source-else', 'image.png'), 'of somebody else')
  process.env['KANTOR_CANARY_SECRET'] = 'canary'
})
afterAll(async () => {
  delete process.env['KANTOR_CANARY_SECRET']
  await rm(directory, { recursive: true, force: true })
})

async function run(program: string, silenceMs = 60_000) {
  const path = join(directory, 'scratch', 'program.mjs')
  await writeFile(path, program)
  const told: number[] = []
  const source = join(directory, 'source')
  const scratch = join(directory, 'scratch')
  const outcome = await runSandboxed({
    program: path,
    start: { source: { path: source }, scratch },
    readable: [source],
    signal: new AbortController().signal,
    onProgress: (count) => void told.push(count),
    silenceMs,
  }).catch((error: Error) => error)
  return { outcome, told }
}

describe('the importing process, taken over', () => {
  test('S11: reads its source and writes its scratch, and reaches no other file, process, secret or network', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const { outcome } = await run(`
      import fs from 'node:fs/promises'
      import net from 'node:net'
      const outcomes = {}
      const tried = async (name, act) => {
        outcomes[name] = await act().then(() => 'done', (error) => error.code ?? error.message)
      }
      await tried('source', () => fs.readFile('${directory}/source/image.png'))
      await tried('scratch', () => fs.writeFile('${directory}/scratch/shard', 'x'))
      await tried('neighbour', () => fs.readFile('${directory}/source-else/image.png'))
      await tried('upwards', () => fs.readFile('${directory}/source/../source-else/image.png'))
      await tried('source written', () => fs.writeFile('${directory}/source/more.png', 'x'))
      await tried('passwd', () => fs.readFile('/etc/passwd'))
      await tried('our environment', () => fs.readFile('/proc/' + process.ppid + '/environ'))
      await tried('own environment', () => fs.readFile('/proc/self/environ'))
      await tried('new link', () => fs.symlink('/etc/passwd', '${directory}/scratch/passwd'))
      await tried('process', async () => (await import('node:child_process')).execFileSync('id'))
      await tried('thread', async () => new (await import('node:worker_threads')).Worker('1', { eval: true }))
      await tried('network', () => new Promise((resolve, reject) =>
        net.connect(${port}, '127.0.0.1', resolve).once('error', reject)))
      process.send({ type: 'refused', code: 'internal', detail: JSON.stringify([outcomes, process.env]) }, () => process.exit())
    `)
    server.close()

    const [outcomes, environment] = JSON.parse((outcome as { detail: string }).detail) as [object, object]
    const denied = 'ERR_ACCESS_DENIED'
    expect(outcomes).toMatchObject({
      source: 'done',
      scratch: 'done',
      neighbour: denied,
      upwards: denied,
      'source written': denied,
      passwd: denied,
      'our environment': denied,
      'own environment': denied,
      'new link': denied,
      process: denied,
      thread: denied,
    })
    // Where the kernel gives no namespaces, this wall is missing, and the log says so.
    if (await hasNamespaces()) expect(outcomes).toMatchObject({ network: expect.stringMatching(/^ENETUNREACH|^ECONN/) })
    expect(Object.keys(environment).filter((name) => /SECRET|KEY|URL|S3|DATABASE|KANTOR/.test(name))).toEqual([])
  })

  test.each(['null', '7', "{ type: 'done' }", "{ type: 'refused', code: 'toString', detail: '' }"])(
    'S11: that says %s, which it never does, is killed, and its source refused',
    async (word) => {
      const { outcome } = await run(`process.send(${word}); setInterval(() => {}, 1000)`)
      expect(outcome).toMatchObject({ code: 'dataset-invalid', detail: expect.stringContaining('never answers') })
    },
  )

  test('S11: a bomb of memory ends it alone, and says why', async () => {
    const { outcome } = await run(`const hoard = []; for (;;) hoard.push(Buffer.alloc(2 ** 30))`)

    expect(outcome).toMatchObject({ message: expect.stringMatching(/ended with .*(allocation failed|memory)/is) })
  })

  test('S11: that says nothing any more is killed, and its source refused', async () => {
    const { outcome, told } = await run(`process.send({ type: 'progress', numImages: 7 }, () => { for (;;); })`, 5000)

    expect(told).toEqual([7])
    expect(outcome).toMatchObject({ code: 'dataset-invalid', detail: expect.stringContaining('nothing came of it') })
  })
})

test('a preview that is larger than what a socket holds comes whole', async () => {
  const photos = join(directory, 'photos')
  await mkdir(photos)
  for (let i = 0; i < 64; i++) await writeFile(join(photos, `${i}.png`), noisePng(64))
  const outcome = await runSandboxed({
    program: fileURLToPath(new URL('../../dist/imports/child.js', import.meta.url)),
    start: { source: { path: photos }, scratch: join(directory, 'scratch') },
    readable: [photos],
    signal: new AbortController().signal,
    onProgress: () => {},
  })
  const { manifest, preview } = (outcome as { spooled: SpooledDataset }).spooled
  expect(manifest.numImages).toBe(64)
  expect(preview.byteLength).toBeGreaterThan(400_000)
})

/** Of a PNG. */
function chunk(name: string, content: Buffer): Buffer {
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  const body = Buffer.concat([Buffer.from(name), content])
  length.writeUInt32BE(content.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/** Square, of 8-bit colour: incompressible. */
function noisePng(size: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 2], 8)
  // A byte before each row says that it is not filtered.
  const rows = Array.from({ length: size }, () => Buffer.concat([Buffer.alloc(1), randomBytes(3 * size)]))
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
