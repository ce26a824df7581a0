import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Client, createClient } from '@kantor/client'
import { type Env, loadEnv } from '@kantor/runtime'
import type { Command } from 'commander'
import { Failure } from './failure.js'
import { liveStack } from './stack/stack-file.js'

/** Options that every command understands. */
export interface GlobalOptions {
  url?: string
  apiKeyFile?: string
  dataDir?: string
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>()

/** The environment with the flags laid over it. Throws EnvError with every problem. */
export function settings({ url, apiKeyFile, dataDir }: GlobalOptions, more: NodeJS.ProcessEnv = {}) {
  if (url !== undefined && !/^https?:\/\/./i.test(url)) {
    throw new Failure('usage', `--url ${url}: write the address with http:// or https://`)
  }
  const env: Env = loadEnv({
    ...process.env,
    ...more,
    ...(url !== undefined && { KANTOR_URL: url }),
    ...(dataDir !== undefined && { KANTOR_DATA_DIR: resolve(dataDir) }),
  })
  return apiKeyFile === undefined ? env : { ...env, apiKey: readKey(apiKeyFile) }
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Failure('usage', `--api-key-file ${file} cannot be read`, { cause: error })
  }
}

export interface Connection {
  client: Client
  url: string
}

/** The API to talk to: --url, then KANTOR_URL, then the stack that runs on the data directory, then the default port of this machine. */
export async function connect(command: Command): Promise<Connection> {
  const env = settings(globalsOf(command))
  const url = env.url ?? (await liveStack(env.dataDir))?.url ?? `http://127.0.0.1:${env.port}`
  return { url, client: createClient({ url, ...(env.apiKey !== undefined && { apiKey: env.apiKey }) }) }
}

/** The database to work on: DATABASE_URL, or that of the stack that runs on the data directory. */
export async function databaseUrlFor(env: Env): Promise<string> {
  const databaseUrl = env.databaseUrl ?? (await liveStack(env.dataDir))?.databaseUrl
  if (databaseUrl === undefined) {
    throw new Failure('unreachable', `there is no database to work on: no stack runs on ${env.dataDir}`, {
      remedy: 'start one with `kantor up`, name its directory with --data-dir, or set DATABASE_URL',
    })
  }
  return databaseUrl
}
