import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, type S3Settings } from '@kantor/runtime'
import { startConditionalWrites } from './conditional-writes.js'
import { accepts, type ChildServer, isOnPath, startServer } from './child-server.js'

export interface S3Server {
  settings: S3Settings
  kill(): Promise<void>
  stop(): Promise<void>
}

/** The npm package fauxqs in a process of its own, behind what it lacks: conditional writes. Its data is in memory. `bare` lacks them. */
export async function startFauxqs(): Promise<S3Server & { bare: S3Settings }> {
  const port = await freePort()
  const server = await startServer(process.execPath, [fauxqsProgram()], {
    env: { FAUXQS_PORT: `${port}`, FAUXQS_LOGGER: 'false' },
    isUp: () => accepts(port),
  })
  const bare = describe(port, server)
  const conditional = await startConditionalWrites(bare.settings.endpoint)
  const end = async () => {
    await conditional.stop()
    await bare.stop()
  }
  return {
    settings: { ...bare.settings, endpoint: conditional.endpoint },
    bare: bare.settings,
    kill: end,
    stop: end,
  }
}

/** moto_server (PyPI); undefined, with a loud warning, when it is not on the PATH. Its data is in memory. `checksKeys`: it knows no key. */
export async function startMoto({ checksKeys = false } = {}): Promise<S3Server | undefined> {
  if (!isOnPath('moto_server')) {
    console.warn('NOT TESTED ON MOTO: moto_server is not on the PATH (pip install "moto[server]")')
    return undefined
  }
  const port = await freePort()
  const server = await startServer('moto_server', ['-H', '127.0.0.1', '-p', `${port}`], {
    ...(checksKeys && { env: { INITIAL_NO_AUTH_ACTION_COUNT: '0' } }),
    isUp: () => accepts(port),
  })
  return describe(port, server)
}

function describe(port: number, server: ChildServer): S3Server {
  return {
    settings: {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'kantor-test',
      region: 'us-east-1',
      accessKeyId: 'test',
      secretAccessKey: 'test',
    },
    kill: () => server.stop('SIGKILL'),
    stop: () => server.stop('SIGKILL'),
  }
}

/** The package's command lies beside its entry point; its manifest is not exported. */
function fauxqsProgram(): string {
  return join(dirname(fileURLToPath(import.meta.resolve('fauxqs'))), 'cli.js')
}
