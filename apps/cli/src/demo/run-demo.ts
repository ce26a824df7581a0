import { join } from 'node:path'
import { type Client, createClient } from '@kantor/client'
import type { Job } from '@kantor/contracts'
import type { Env } from '@kantor/runtime'
import { duration, figure, note, paint, print, table } from '../output.js'
import { Failure } from '../failure.js'
import type { Stack } from '../stack/start-stack.js'
import { watchUntilOver } from '../watch.js'
import { downloadArtifacts } from './artifacts.js'
import { curveFigures, type CurveFigures } from './curve-figures.js'
import { openDemoJob } from './demo-job.js'
import { withDemoKey } from './demo-key.js'
import { judgeSamples, type Quality } from './quality.js'

/** The demo's last line. */
export interface DemoResult {
  jobId: string
  state: Job['state']
  /** Generator steps. */
  steps: number
  /** From the first claim to the end. */
  seconds: number | null
  wEstimate: CurveFigures
  /** To held-out real images; null when the job did not succeed. */
  slicedWasserstein: Quality['distances'] | null
  /** The job succeeded, and its samples are nearer to held-out images than everything but real images is. */
  pass: boolean
  sampleGrid: string | null
  checkpoint: string | null
  url: string
}

/** Trains the demo's job on a running stack and judges what came of it. Everything goes through the API. */
export async function runDemo(stack: Stack, env: Env, signal: AbortSignal): Promise<DemoResult> {
  if (stack.workers.length === 0) {
    throw new Failure('failed', 'the demo needs a worker, and there is none without TensorFlow')
  }
  return withDemoKey(stack.databaseUrl, env.apiKey, async (apiKey) => {
    const client = createClient({ url: stack.url, ...(apiKey !== undefined && { apiKey }) })
    const directory = join(env.dataDir, 'demo')
    const { job, isNew } = await openDemoJob(client, directory)
    const dashboard = `${stack.url}/ui/jobs/${job.id}`
    note(`${isNew ? 'submitted' : 'going on with'} job ${job.id}; watch it at ${paint.bold(dashboard)}`)
    const { job: over } = await watchUntilOver(client, job.id, { signal })
    return report(client, over, { directory, dashboard })
  })
}

async function report(
  client: Client,
  job: Job,
  { directory, dashboard }: { directory: string; dashboard: string },
): Promise<DemoResult> {
  const curve = await client.getCurve({ params: { id: job.id }, query: { metrics: ['w_estimate'], maxPoints: 5000 } })
  const result: DemoResult = {
    jobId: job.id,
    state: job.state,
    steps: job.progress?.step ?? 0,
    seconds: secondsOf(job),
    wEstimate: curveFigures(curve),
    slicedWasserstein: null,
    pass: false,
    sampleGrid: null,
    checkpoint: null,
    url: dashboard,
  }
  if (job.state !== 'succeeded') {
    note(`${paint.red(`the job ${job.state}`)} (${job.reason})${job.message === null ? '' : `: ${job.message}`}`)
    return result
  }
  note('judging the samples …')
  const { first, last, checkpoint } = await downloadArtifacts(client, job.id, directory)
  const quality = await judgeSamples(first, last)
  const { wEstimate } = result
  print('')
  print(`trained ${result.steps} generator steps in ${duration(result.seconds)}`)
  print(
    `Wasserstein estimate  first ${figure(wEstimate.first)}  last ${figure(wEstimate.last)}  median of the last ${figure(wEstimate.medianLast)}`,
  )
  print('')
  print(tableOf(quality))
  print('')
  print(`sample grid  ${last.file}`)
  print(`checkpoint   ${checkpoint}`)
  print(`dashboard    ${dashboard}`)
  print('')
  const { distances, pass } = quality
  return { ...result, slicedWasserstein: distances, pass, sampleGrid: last.file, checkpoint }
}

const secondsOf = ({ startedAt, finishedAt }: Job): number | null =>
  startedAt === null || finishedAt === null ? null : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000

function tableOf({ distances, pass, numImages }: Quality): string {
  const { samples, floor, ...beaten } = distances
  const rows: [string, number, string][] = [
    ['the trained generator’s samples', samples, pass ? 'PASS' : 'FAIL'],
    ['other real images (the floor)', floor, ''],
    ...Object.entries(beaten).map(([name, distance]): [string, number, string] => [
      labels[name as keyof typeof beaten],
      distance,
      samples < distance ? 'beaten' : 'NOT BEATEN',
    ]),
  ]
  const sorted = rows.toSorted((a, b) => a[1] - b[1])
  const head = [`${numImages} IMAGES`, 'SLICED WASSERSTEIN DISTANCE TO HELD-OUT MNIST', '']
  return table(
    head,
    sorted.map(([name, distance, verdict]) => [name, figure(distance), verdict]),
    [1],
  )
}

const labels: Record<Exclude<keyof Quality['distances'], 'samples' | 'floor'>, string> = {
  firstSamples: 'the same generator before training',
  noise: 'uniform noise',
  meanPlusNoise: 'the training mean plus noise',
  blurred: 'blurred real images',
  oneClass: 'real images of one digit only',
}
