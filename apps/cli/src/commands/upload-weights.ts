import { openAsBlob } from 'node:fs'
import type { Client } from '@kantor/client'
import type { FeatureNetwork } from '@kantor/contracts'
import { Failure } from '../failure.js'
import { note } from '../output.js'

/** How to use a network of features, where it is not the Inception network of 2015. */
export type NetworkFlags = { [K in keyof FeatureNetwork]?: NonNullable<FeatureNetwork[K]> }

/** The id of a file's weights, which are the same ones when they were there before. `network`: it is one to measure by. */
export async function uploadWeights(client: Client, path: string, network?: NetworkFlags): Promise<string> {
  const upload = await openAsBlob(path).catch((cause: Error) => {
    throw new Failure('notFound', `there is no file ${path}`, { cause })
  })
  const { size, ...rest } = network ?? {}
  const query = network && {
    holds: 'features' as const,
    ...rest,
    ...(size !== undefined && { size: String(size) }),
  }
  const { id, networks } = await client.uploadWeights({ upload, ...(query && { query }) })
  note(`weights ${id}: ${networks.join(' and ')}`)
  return id
}
