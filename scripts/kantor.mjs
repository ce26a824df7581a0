// Sets up, then hands over to the CLI: signals and the exit code pass through.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setUpOrExit } from './setup.mjs'

export async function kantor(command) {
  await setUpOrExit()
  const args = [join(root, 'apps/cli/bin/kantor.mjs'), command, ...process.argv.slice(2)]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  // A terminal sends Ctrl-C to the whole group; `kill` reaches only us, so pass it on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}
