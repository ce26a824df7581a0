// Where strangers' files are decoded: a process that a hostile one may take over and that then has little to give away.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repoRoot } from '@kantor/runtime'

export interface Sandbox {
  /** Compiled code of ours. */
  program: string
  /** Files, and directories with all that is in them. */
  readable: readonly string[]
  /** The same; the process's current directory. */
  writable: string
}

/** Four images of 50 megapixels at once, the shards and the heap fit twice. */
const MEMORY_MIB = 4096
const HEAP_MIB = 2048
const OPEN_FILES = 256
/** Of processor time: three million photographs take a quarter of it. */
const CPU_SECONDS = 86_400
const NICENESS = 10

/**
 * No core dumps: they would hold what was decoded. Data, not address space, which V8 reserves by the gigabyte. One that fails is stricter already.
 */
const limits = `${[`-c 0`, `-d ${MEMORY_MIB * 1024}`, `-n ${OPEN_FILES}`, `-t ${CPU_SECONDS}`].map((limit) => `ulimit ${limit} 2>/dev/null;`).join(' ')} exec "$0" "$@"`

/** Of our environment it sees nothing else. */
const harmless = /^(PATH|LANG|LC_[A-Z]+|TZ)$/

/**
 * A Node process that cannot read or write a file but those named and our own code, start a process or a thread (Node's permission model), or
 * take more memory, open files or processor time than an import needs (limits of the kernel); and that has, where the kernel lets us, no
 * network and no sight of our processes' memory and environment (namespaces). The permission model holds for JavaScript: native code that was
 * taken over can still read what this user can and send its processes signals; no network, the limits, and an environment without secrets are
 * what stands against it.
 */
export async function forkSandboxed({ program, readable, writable }: Sandbox): Promise<ChildProcess> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => harmless.test(name)))
  const [execPath, ...execArgv] = [
    ...((await hasNamespaces()) ? [...namespaces, '--'] : []),
    '/bin/sh',
    '-c',
    limits,
    process.execPath,
    ...nodeFlags([...ownCode(), ...readable, writable], writable),
  ]
  const child = fork(program, {
    execPath,
    execArgv,
    env,
    cwd: writable,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  })
  try {
    if (child.pid !== undefined) setPriority(child.pid, NICENESS)
  } catch {
    // It has died, or this process is nicer already.
  }
  return child
}

const namespaces = ['unshare', '--user', '--map-current-user', '--net']
let asked: Promise<boolean> | undefined

/** Containers often forbid them, other systems do not know them. */
export function hasNamespaces(): Promise<boolean> {
  asked ??= promisify(execFile)(namespaces[0]!, [...namespaces.slice(1), '--', '/bin/sh', '-c', ':']).then(
    () => true,
    () => false,
  )
  return asked
}

/** Not the whole checkout: the data directory may be in it. */
const ownCode = (): string[] =>
  ['node_modules', 'packages', 'apps/api', 'package.json'].map((name) => join(repoRoot(), name))

/** The model's flag has lost its prefix on the way. */
const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

const nodeFlags = (readable: readonly string[], writable: string): string[] => [
  permission,
  // sharp is one. It warns that add-ons are not bound by the model.
  '--allow-addons',
  '--no-warnings',
  ...readable.map((path) => `--allow-fs-read=${path}`),
  `--allow-fs-write=${writable}`,
  `--max-old-space-size=${HEAP_MIB}`,
]
