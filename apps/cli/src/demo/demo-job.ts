import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, ClientError } from '@kantor/client'
import { type CreateJobInput, isTerminal, type Job } from '@kantor/contracts'
import { repoRoot } from '@kantor/runtime'

/** The body of the demo's POST /jobs. */
const demoFile = () => join(repoRoot(), 'examples/demo.json')

/** Goes on with the demo job of this data directory when it is not over, else submits a new one. */
export async function openDemoJob(client: Client, directory: string): Promise<{ job: Job; isNew: boolean }> {
  const file = join(directory, 'job.json')
  const unfinished = await findUnfinished(client, file)
  if (unfinished) return { job: unfinished, isNew: false }
  const body = JSON.parse(await readFile(demoFile(), 'utf8')) as CreateJobInput
  const job = await client.createJob({ body })
  await mkdir(directory, { recursive: true })
  await writeFile(file, JSON.stringify({ jobId: job.id }))
  return { job, isNew: true }
}

async function findUnfinished(client: Client, file: string): Promise<Job | null> {
  try {
    const { jobId } = JSON.parse(await readFile(file, 'utf8')) as { jobId: string }
    const job = await client.getJob({ params: { id: jobId } })
    return isTerminal(job.state) ? null : job
  } catch (error) {
    // No file, a damaged one, or a job of another database: a new demo.
    const fresh = error instanceof ClientError ? error.status === 404 || error.status === 422 : true
    if (fresh) return null
    throw error
  }
}
