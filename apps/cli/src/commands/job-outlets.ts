// `kantor job tensorboard`: jobs in other tools' formats.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { eventFileName, type Job } from '@kantor/contracts'
import { Command } from 'commander'
import { note, print } from '../output.js'
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

/** For people and for any file system; the end of an id tells jobs of one name apart, its beginning is a time. */
const runName = ({ id, name }: Job): string => `${name.replaceAll(/[^\w.-]+/g, '-').slice(0, 60)}-${id.slice(-8)}`
