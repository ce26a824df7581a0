import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repoRoot } from '@kantor/runtime'
import { Command } from 'commander'
import { exitCodes } from '../failure.js'
import { databaseUrlFor, globalsOf, settings } from '../settings.js'

/** `kantor worker`: one more worker, on the services that the environment names or on the local stack's. */
export function worker(): Command {
  return new Command('worker')
    .description('Run one worker (DATABASE_URL, REDIS_URL, S3_*, KANTOR_DEVICE, KANTOR_SLOTS; or join the local stack)')
    .action(async (_options: object, command: Command) => {
      const env = settings(globalsOf(command))
      const child = fork(join(repoRoot(), 'apps/worker/dist/main.js'), [], {
        // The channel tells the worker when we are gone without a word (kill -9): it then hands its jobs back and leaves.
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
        // A group of its own: a terminal's Ctrl-C must reach it once, through us, as the signal that means "checkpoint and go".
        detached: true,
        env: { ...process.env, DATABASE_URL: await databaseUrlFor(env), KANTOR_DATA_DIR: env.dataDir },
      })
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'))
      const [code] = (await once(child, 'exit')) as [number | null]
      process.exit(code ?? exitCodes.failed)
    })
}
