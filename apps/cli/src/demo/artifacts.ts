import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '@kantor/client'
import type { Sample } from '@kantor/contracts'
import { Failure } from '../failure.js'
import { cutGrid } from './cut-grid.js'

export interface SampleSet {
  step: number
  /** The PNG on disk. */
  file: string
  /** uint8, numImages × imageSize × imageSize × channels. */
  images: Uint8Array
  numImages: number
  imageSize: number
  channels: number
}

export interface Artifacts {
  first: SampleSet
  last: SampleSet
  /** The newest checkpoint on disk. */
  checkpoint: string
}

/** Downloads the first and the last sample grid and the newest checkpoint of a job, through the API, into `directory`. */
export async function downloadArtifacts(client: Client, jobId: string, directory: string): Promise<Artifacts> {
  await mkdir(directory, { recursive: true })
  const samples = await allSamples(client, jobId)
  const [newest] = samples
  const oldest = samples.at(-1)
  const checkpoints = await client.listCheckpoints({ params: { id: jobId }, query: { limit: 1 } })
  const [checkpoint] = checkpoints.items
  if (newest === undefined || oldest === undefined || checkpoint === undefined) {
    throw new Failure(
      'failed',
      `job ${jobId} has ${samples.length} samples and ${checkpoints.items.length} checkpoints`,
    )
  }
  const checkpointFile = join(directory, `checkpoint-${checkpoint.step}.safetensors`)
  await writeFile(checkpointFile, await client.downloadCheckpoint({ params: { id: checkpoint.id } }))
  return {
    first: await download(client, oldest, directory),
    last: await download(client, newest, directory),
    checkpoint: checkpointFile,
  }
}

async function allSamples(client: Client, jobId: string): Promise<Sample[]> {
  const found: Sample[] = []
  let cursor: string | null | undefined
  do {
    const page: { items: Sample[]; nextCursor: string | null } = await client.listSamples({
      params: { id: jobId },
      query: { limit: 200, ...(cursor && { cursor }) },
    })
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor)
  return found
}

async function download(client: Client, sample: Sample, directory: string): Promise<SampleSet> {
  const png = await client.downloadSample({ params: { id: sample.id } })
  const file = join(directory, `samples-${sample.step}.png`)
  await writeFile(file, png)
  const { step, numImages, tileSize, channels } = sample
  return { step, file, images: await cutGrid(png, sample), numImages, imageSize: tileSize, channels }
}
