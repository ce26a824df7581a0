// The common set-up of `npm start`, `npm run demo` and `npm test`: dependencies, database client, TensorFlow, build.
// Plain Node, because it runs before node_modules exists. Every step is skipped when it is already done.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setUpTensorFlow, TensorFlowUnavailable } from './tensorflow.mjs'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const log = (line) => process.stderr.write(`setup: ${line}\n`)

/** Brings a clone to the point where everything runs. Throws when a step fails; a missing TensorFlow only warns. */
export async function setUp() {
  refuseOldNode()
  installDependencies()
  generateDatabaseClient()
  const tensorflow = await linkTensorFlow()
  build()
  return { tensorflow }
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const fits = (major === 20 && minor >= 20) || (major === 22 && minor >= 12) || major === 24
  if (!fits)
    throw new Error(`Node ${process.versions.node} is not supported: use 20.20.2 or later, 22.12 or later, or 24`)
}

/** File hashes of the two lock files never match, so compare what they say of each package. */
function dependenciesAreCurrent() {
  const installedLock = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installedLock)) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.link) return true
    const found = installed[path]
    if (!found) return Boolean(entry.optional || entry.devOptional || entry.peer)
    return found.version === entry.version && (!entry.integrity || found.integrity === entry.integrity)
  })
}

function installDependencies() {
  if (dependenciesAreCurrent()) return
  log('installing dependencies (about a minute) …')
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
}

function generateDatabaseClient() {
  const schema = join(root, 'prisma/schema.prisma')
  const stamp = join(root, 'packages/db/src/generated/.schema-sha256')
  const hash = createHash('sha256').update(readFileSync(schema)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  log('generating the database client …')
  // `generate` needs no schema engine, yet tries to download one unless it is told where one lies.
  const env = { PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' }
  run(process.execPath, [join(root, 'node_modules/prisma/build/index.js'), 'generate', '--schema', schema], env)
  writeFileSync(stamp, hash)
}

async function linkTensorFlow() {
  try {
    return await setUpTensorFlow(log)
  } catch (error) {
    if (!(error instanceof TensorFlowUnavailable)) throw error
    log(`TensorFlow is not available, so workers will not start: ${error.message}`)
    return undefined
  }
}

function build() {
  const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  run(join(root, 'node_modules/.bin/turbo'), ['run', 'build', '--output-logs=errors-only', '--ui=stream'], env)
}

/** Runs a step quietly; its output is shown only when it fails. */
function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (result.status === 0) return
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  throw new Error(`${command} ${args.slice(0, 2).join(' ')} failed${result.error ? `: ${result.error.message}` : ''}`)
}

/** For the other scripts: set up, or leave with a message instead of a stack. */
export async function setUpOrExit() {
  try {
    return await setUp()
  } catch (error) {
    log(error.message)
    process.exit(1)
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { tensorflow } = await setUpOrExit()
  log(tensorflow ? `ready (TensorFlow ${tensorflow.version}, ${tensorflow.flavour})` : 'ready, without TensorFlow')
}
