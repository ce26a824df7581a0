import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { repoRoot } from '@kantor/runtime'

export type TensorFlowProbe = { ok: true; version: string; device: string } | { ok: false; problem: string }

export const tensorFlowRemedy =
  'run `npm run setup` and read what it says; it needs python3 with pip, a C++ compiler and make (Debian: apt-get install python3-pip g++ make)'

// In a process of its own: a library that does not fit crashes rather than throws. The engine is what workers load, so it is asked.
const script = `
import('@kantor/engine').then(async (engine) => {
  const about = await engine.loadTensorFlow()
  process.stdout.write(JSON.stringify(about))
  process.exit(0)
}).catch((error) => {
  process.stderr.write(String(error?.stack ?? error))
  process.exit(1)
})`

/** Loads TensorFlow as a worker would, in a child process. Takes about a second. */
export function probeTensorFlow(): Promise<TensorFlowProbe> {
  return new Promise((done) => {
    const options = {
      cwd: join(repoRoot(), 'apps/cli'),
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
      timeout: 60_000,
      maxBuffer: 1 << 22,
    }
    execFile(process.execPath, ['--input-type=module', '--eval', script], options, (error, stdout, stderr) => {
      if (!error) {
        try {
          const { tensorflow, device } = JSON.parse(stdout) as { tensorflow: string; device: string }
          return done({ ok: true, version: tensorflow, device })
        } catch {
          return done({ ok: false, problem: `an unreadable answer: ${stdout.slice(0, 200)}` })
        }
      }
      const lines = stderr.trim().split('\n').filter(Boolean)
      const said = lines.find((line) => /Error|error/.test(line)) ?? lines.at(-1) ?? error.message
      done({ ok: false, problem: error.signal ? `loading it ended in ${error.signal}` : said.slice(0, 400) })
    })
  })
}
