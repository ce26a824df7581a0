import { execFile } from 'node:child_process'
import { mkdir, statfs, writeFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openDatabase } from '@kantor/db'
import { type Env, freePort, repoRoot, startPostgres } from '@kantor/runtime'
import { liveStack } from '../stack/stack-file.js'
import { openObjectStore } from '../stack/built-in-datasets.js'
import { probeTensorFlow, tensorFlowRemedy } from './probe-tensorflow.js'

export interface Check {
  name: string
  status: 'OK' | 'WARN' | 'FAIL'
  /** What was found. */
  found: string
  /** What to do, when it is not OK. */
  remedy?: string
}

type Finding = Omit<Check, 'name'>
const ok = (found: string): Finding => ({ status: 'OK', found })
const because = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''

/** What a local stack needs, each asked as the stack would ask it. Nothing is changed but caches. */
export const checks: { name: string; run: (env: Env) => Promise<Finding> }[] = [
  { name: 'node', run: node },
  { name: 'machine', run: machine },
  { name: 'tensorflow', run: tensorflow },
  { name: 'python', run: python },
  { name: 'data directory', run: dataDirectory },
  { name: 'postgres', run: postgres },
  { name: 'redis', run: redis },
  { name: 'object store', run: objectStore },
  { name: 'stack', run: stack },
]

async function node(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const fits = (major === 20 && minor >= 20) || (major === 22 && minor >= 12) || major === 24
  if (fits) return ok(`Node ${process.versions.node}, ${process.platform}-${process.arch}`)
  return {
    status: 'FAIL',
    found: `Node ${process.versions.node}`,
    remedy: 'install Node 20.20.2 or later, 22.12 or later, or 24',
  }
}

async function machine(): Promise<Finding> {
  const gib = totalmem() / 2 ** 30
  const found = `${availableParallelism()} cores, ${gib.toFixed(1)} GiB memory`
  if (gib >= 3.5) return ok(found)
  return {
    status: 'WARN',
    found,
    remedy: 'a worker needs about 1 GiB and a 64 × 64 DCGAN 1.2 GiB: run few workers, small networks',
  }
}

async function tensorflow(): Promise<Finding> {
  const probe = await probeTensorFlow()
  if (probe.ok) return ok(`TensorFlow ${probe.version} on ${probe.device}`)
  return { status: 'FAIL', found: `does not load: ${probe.problem}`, remedy: tensorFlowRemedy }
}

/** Only the set-up needs it, to fetch TensorFlow. */
async function python(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)('python3', ['-m', 'pip', '--version'])
    return ok(stdout.split(' from ')[0] ?? 'pip')
  } catch {
    const remedy =
      'needed only to fetch TensorFlow (Debian: apt-get install python3-pip), or set KANTOR_TENSORFLOW_WHEEL'
    return { status: 'WARN', found: 'python3 with pip is not there', remedy }
  }
}

async function dataDirectory({ dataDir }: Env): Promise<Finding> {
  const probe = join(dataDir, `.doctor-${process.pid}`)
  try {
    await mkdir(dataDir, { recursive: true })
    await writeFile(probe, '')
    await rm(probe)
    const { bavail, bsize } = await statfs(dataDir)
    const freeGib = (bavail * bsize) / 2 ** 30
    const found = `${dataDir}, ${freeGib.toFixed(1)} GiB free`
    if (freeGib >= 2) return ok(found)
    const remedy = 'make room, or choose another place with KANTOR_DATA_DIR'
    return { status: freeGib < 0.5 ? 'FAIL' : 'WARN', found, remedy }
  } catch (error) {
    return {
      status: 'FAIL',
      found: because(error),
      remedy: 'choose a writable place with KANTOR_DATA_DIR or --data-dir',
    }
  }
}

async function postgres(env: Env): Promise<Finding> {
  if (env.databaseUrl !== undefined) {
    try {
      const db = await openDatabase(env.databaseUrl)
      await db.close()
      return ok('DATABASE_URL answers')
    } catch (error) {
      return {
        status: 'FAIL',
        found: because(error),
        remedy: 'start it, mend DATABASE_URL, or unset it to use the embedded one',
      }
    }
  }
  const running = await liveStack(env.dataDir)
  if (running?.pids.postgres !== undefined) return ok(`embedded, running as process ${running.pids.postgres}`)
  // A throw-away cluster: the binaries, their libraries, the user they run as and the folder are all in play.
  const directory = join(env.dataDir, `doctor-postgres-${process.pid}`)
  try {
    const started = performance.now()
    const instance = await startPostgres({ directory, settings: { fsync: 'off' } })
    await instance.stop()
    return ok(`embedded, starts in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  } catch (error) {
    return { status: 'FAIL', found: because(error), remedy: 'set DATABASE_URL to a Postgres of your own' }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function redis({ redisUrl }: Env): Promise<Finding> {
  if (redisUrl === undefined) return ok('not set: BullMQ keeps its queue in Postgres')
  const url = new URL(redisUrl)
  const port = Number(url.port || 6379)
  const answers = await new Promise<Error | null>((done) => {
    const socket = connect({ host: url.hostname, port, timeout: 3000 }, () => done(null))
    socket.once('error', done)
    socket.once('timeout', () => done(new Error('no answer within 3 s')))
    socket.unref()
  })
  if (answers === null) return ok(`${url.hostname}:${port} accepts connections`)
  return {
    status: 'FAIL',
    found: `${url.hostname}:${port}: ${because(answers)}`,
    remedy: 'start it, mend REDIS_URL, or unset it',
  }
}

async function objectStore(env: Env): Promise<Finding> {
  const where = env.s3 ? `bucket ${env.s3.bucket} at ${env.s3.endpoint}` : join(env.dataDir, 'objects')
  try {
    const store = await openObjectStore(env)
    try {
      await store.ping()
    } finally {
      await store.close()
    }
    return ok(where)
  } catch (error) {
    const remedy = env.s3
      ? 'mend S3_ENDPOINT, S3_BUCKET and the keys, or unset them'
      : 'choose a writable KANTOR_DATA_DIR'
    return { status: 'FAIL', found: `${where}: ${because(error)}`, remedy }
  }
}

async function stack({ dataDir, port }: Env): Promise<Finding> {
  const running = await liveStack(dataDir)
  if (running) return ok(`running as process ${running.pids.main}, ${running.url ?? 'starting'}`)
  const free = await freePort(port)
  if (port === 0 || free === port) return ok(`not running; port ${port} is free (${repoRoot()})`)
  return {
    status: 'WARN',
    found: `not running; port ${port} is taken`,
    remedy: 'another port will be chosen; set KANTOR_PORT to fix one',
  }
}
