import { Command } from 'commander'
import type { Check } from '../doctor/checks.js'
import { exitCodes } from '../failure.js'
import { print, printJson } from '../output.js'
import { globalsOf, settings } from '../settings.js'

/** `kantor doctor`: what is in use, what is missing, and how to mend it. */
export function doctor(): Command {
  return new Command('doctor')
    .description(
      'Check what a local stack needs; each problem comes with its remedy. Exit 1 when something needed is missing',
    )
    .option('--json', 'one JSON document on stdout')
    .action(async (options: { json?: boolean }, command: Command) => {
      const env = settings(globalsOf(command))
      const { checks } = await import('../doctor/checks.js')
      const found: Check[] = []
      for (const { name, run } of checks) {
        const check = { name, ...(await run(env)) }
        found.push(check)
        if (options.json) continue
        print(`${check.status.padEnd(4)}  ${check.name.padEnd(15)} ${check.found}`)
        if (check.remedy !== undefined) print(`${' '.repeat(22)}→ ${check.remedy}`)
      }
      const healthy = found.every(({ status }) => status !== 'FAIL')
      if (options.json) printJson({ ok: healthy, checks: found })
      if (!healthy) process.exit(exitCodes.failed)
    })
}
