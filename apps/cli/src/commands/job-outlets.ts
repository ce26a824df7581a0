// `kantor job tensorboard`, `export` and `import`: jobs as files.
import { openAsBlob } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { archiveFileName, CheckpointChoice, eventFileName, type Job } from '@kantor/contracts'
import { Command, Option } from 'commander'
import { Failure } from '../failure.js'
import { note, print, printJson } from '../output.js'
import { saveStream } from '../save-stream.js'
import { connect } from '../settings.js'

export const tensorboard = (): Command =>
  new Command('tensorboard')
    .description('Write TensorBoard event files: curves, samples and hyperparameters, a folder per job')
    .argument('<ids...>')
    .requiredOption('--out <directory>', 'where the folders go; `tensorboard --logdir` takes it')
    .action(async (ids: string[], { out }: { out: string }, command: Command) => {
      const { client } = await connect(command)
      for (const id of ids) {
        const job = await client.getJob({ params: { id } })
        const folder = join(out, runName(job))
        await mkdir(folder, { recursive: true })
        const file = join(folder, eventFileName(job))
        await saveStream(await client.downloadTensorBoard({ params: { id } }), file)
        print(file)
      }
      note(`tensorboard --logdir ${out}`)
    })

export const exportJob = (): Command =>
  new Command('export')
    .description('Write all that is known of a job into one ZIP, which `kantor job import` takes')
    .argument('<id>')
    .option('-o, --out <file>', 'default: kantor-job-<id>.zip; an older one is replaced')
    .addOption(
      new Option('--checkpoints <choice>', 'whose bytes come along').choices(CheckpointChoice.options).default('last'),
    )
    .action(async (id: string, options: { out?: string; checkpoints: CheckpointChoice }, command: Command) => {
      const { client } = await connect(command)
      const { out = archiveFileName(id), checkpoints } = options
      await saveStream(await client.exportJob({ params: { id }, query: { checkpoints } }), out)
      print(out)
    })

export const importJob = (): Command =>
  new Command('import')
    .description('Make a job of an archive: its curve, samples and checkpoints under a new id, which is printed')
    .argument('<file>')
    .option('--json', 'one JSON document on stdout')
    .action(async (file: string, options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const upload = await blobOf(file)
      const job = await client.importJob({ upload })
      if (options.json) return printJson(job)
      print(job.id)
      note(
        `${job.state} at step ${job.progress?.step ?? 0}; from job ${job.importedFrom?.jobId} of ${job.importedFrom?.host}`,
      )
    })

/** Read while it is sent. */
async function blobOf(file: string): Promise<Blob> {
  try {
    return await openAsBlob(file)
  } catch (error) {
    throw new Failure('usage', `${file} cannot be read`, { cause: error })
  }
}

/** For people and for any file system; the end of an id tells jobs of one name apart, its beginning is a time. */
const runName = ({ id, name }: Job): string => `${name.replaceAll(/[^\w.-]+/g, '-').slice(0, 60)}-${id.slice(-8)}`
