// `kantor checkpoint verify | generate | export`: have a worker do something with a checkpoint, and wait for it.
import { writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { exportedMedia, ExportFormat, type GenerateInput, generatedMedia, type Neighbours } from '@kantor/contracts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import { Failure } from '../failure.js'
import { note, print, printJson } from '../output.js'
import { connect } from '../settings.js'
import { describeTask, untilOver } from './task.js'

const SEEDS = 2 ** 31 - 1
const json = () => new Option('--json', 'one JSON document on stdout')
const timeout = () =>
  new Option('--timeout <seconds>', 'stop waiting after so long; the task goes on').argParser(wholeNumber(1, 1_000_000))

interface Flags {
  json?: boolean
  timeout?: number
}

export const checkpoint = (): Command =>
  new Command('checkpoint')
    .description('Checkpoints')
    .addCommand(verify())
    .addCommand(generate())
    .addCommand(exported())

const verify = () =>
  new Command('verify')
    .description('Have a worker read the object again and compare size and hash; exit code 1 when it is damaged')
    .argument('<id>')
    .addOption(timeout())
    .addOption(json())
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client } = await connect(command)
      const over = await untilOver(client, await client.verifyCheckpoint({ params: { id } }), flags.timeout)
      if (flags.json) printJson(over)
      if (over.kind !== 'verify' || over.state !== 'succeeded') throw new Failure('failed', describeTask(over))
      if (over.result?.intact !== true)
        throw new Failure('failed', `checkpoint ${id} is damaged: ${over.result?.fault ?? 'no result'}`, {
          remedy: 'It was put aside; nothing resumes from it any more.',
        })
      note(`checkpoint ${id} is intact: ${over.result.sizeBytes} bytes, sha256 ${over.result.sha256}`)
    })

interface GenerateFlags extends Flags {
  out: string
  count?: number
  seed?: number
  path?: number[]
  frames?: number
  truncation?: number
  batchNorm?: 'batch' | 'running'
  weights?: 'generator' | 'average'
  classes?: number[]
  neighbours?: number
}

const generate = () =>
  new Command('generate')
    .description(
      'Draw images from its generator: a grid (.png), one file each (.zip), numbers (.npy) or an animation (.webp)',
    )
    .argument('<id>')
    .requiredOption(
      '-o, --out <file>',
      `where they go; its ending says as what: ${Object.keys(generatedMedia).join(', ')}`,
    )
    .option('--count <number>', 'images', wholeNumber(1, 1024))
    .option('--seed <number>', 'of the first image; each further one is the next', wholeNumber(0, SEEDS))
    .option('--path <seeds>', 'walk from the latent of one seed to the next, and back: 1,2,3', numbers)
    .option('--frames <number>', 'images per leg of the walk', wholeNumber(2, 240))
    .option('--truncation <number>', 'what latents are multiplied by', positive)
    .addOption(
      new Option('--batch-norm <mode>', 'statistics of this batch, or of training').choices(['batch', 'running']),
    )
    .option('--classes <numbers>', 'of a conditional generator: 3, or 3,5 in turn; all without it', classNumbers)
    .addOption(
      new Option('--weights <which>', 'of the generator, or their running mean').choices(['generator', 'average']),
    )
    .option(
      '--neighbours <number>',
      'nearest training images of each: in a .png its row, and the numbers in a .json beside the file',
      wholeNumber(1, 8),
    )
    .addOption(timeout())
    .addOption(json())
    .action(async (id: string, flags: GenerateFlags, command: Command) => {
      const { client } = await connect(command)
      const begun = await client.generateImages({ params: { id }, body: requestOf(flags) })
      const over = await untilOver(client, begun, flags.timeout)
      if (over.kind !== 'generate' || over.state !== 'succeeded' || !over.result) {
        if (flags.json) printJson(over)
        throw new Failure('failed', describeTask(over))
      }
      const { numImages, imageSize, weights, neighbours } = over.result
      const figuresFile = `${flags.out.slice(0, -extname(flags.out).length)}.json`
      await writeFile(flags.out, await client.downloadTaskOutput({ params: { id: over.id } }))
      if (neighbours) await writeFile(figuresFile, `${JSON.stringify(neighbours, null, 2)}\n`)
      if (flags.json) printJson(over)
      else print([flags.out, ...(neighbours ? [figuresFile] : [])].join('\n'))
      note(
        `${numImages} images of ${imageSize} × ${imageSize} from the ${weights === 'average' ? 'running mean of the ' : ''}generator`,
      )
      if (neighbours) note(describeNeighbours(neighbours))
    })

const figures = ({ median, smallest }: Neighbours['generated']) =>
  `median ${median.toPrecision(3)}, smallest ${smallest.toPrecision(3)}`

/** The figure with its floor. */
function describeNeighbours({ trainingImages, generated, real }: Neighbours): string {
  const floor = real.of === 'held-out' ? 'held-out images' : 'training images to the nearest other one'
  return `distance to the nearest of ${trainingImages} training images: ${figures(generated)}; of ${real.images} ${floor}: ${figures(real)}`
}

interface ExportFlags extends Flags {
  class?: number
  format: ExportFormat
  out?: string
  batchNorm?: 'batch' | 'running'
  weights?: 'generator' | 'average'
}

const exported = () =>
  new Command('export')
    .description(
      'Write its generator for others: PyTorch (state-dict), TensorFlow.js (layers-model), ONNX, TensorFlow (saved-model)',
    )
    .argument('<id>')
    .addOption(new Option('--format <format>').choices(ExportFormat.options).makeOptionMandatory())
    .option('-o, --out <file>', 'where it goes; generator.<format>.<ending> otherwise')
    .addOption(
      new Option(
        '--batch-norm <mode>',
        'statistics of training (so unless told), or of the images made together',
      ).choices(['running', 'batch']),
    )
    .addOption(
      new Option('--weights <which>', 'of the generator, or their running mean').choices(['generator', 'average']),
    )
    .option('--class <number>', 'of a conditional generator', wholeNumber(0, 999))
    .addOption(timeout())
    .addOption(json())
    .action(async (id: string, flags: ExportFlags, command: Command) => {
      const { client } = await connect(command)
      const { format, batchNorm, weights } = flags
      const out = flags.out ?? `generator.${format}.${exportedMedia[format].ending}`
      const body = {
        format,
        ...(batchNorm && { batchNorm }),
        ...(weights && { weights }),
        ...(flags.class !== undefined && { class: flags.class }),
      }
      const begun = await client.exportCheckpoint({ params: { id }, body })
      const over = await untilOver(client, begun, flags.timeout)
      if (over.kind !== 'export' || over.state !== 'succeeded' || !over.result) {
        if (flags.json) printJson(over)
        throw new Failure('failed', describeTask(over))
      }
      await writeFile(out, await client.downloadTaskOutput({ params: { id: over.id } }))
      if (flags.json) printJson(over)
      else print(out)
      const { latentSize, imageSize, channels, sizeBytes } = over.result
      note(`latents of ${latentSize} to images of ${imageSize} × ${imageSize} × ${channels}; ${sizeBytes} bytes`)
    })

function requestOf(flags: GenerateFlags): GenerateInput {
  const { out, count, seed, path, frames, truncation, batchNorm, weights, classes, neighbours } = flags
  const as = extname(out).slice(1).toLowerCase()
  if (!(as in generatedMedia))
    throw new Failure('usage', `${out} does not say what to make`, {
      remedy: `End its name in ${Object.keys(generatedMedia)
        .map((ending) => `.${ending}`)
        .join(', ')}.`,
    })
  if (path && (count !== undefined || seed !== undefined))
    throw new Failure('usage', '--path has its own seeds', { remedy: 'Leave --seed and --count out.' })
  if (!path && frames !== undefined) throw new Failure('usage', '--frames needs --path')
  return {
    as: as as keyof typeof generatedMedia,
    from: path
      ? { kind: 'path', seeds: path, ...(frames !== undefined && { frames }) }
      : { kind: 'seeds', ...(count !== undefined && { count }), ...(seed !== undefined && { seed }) },
    ...(truncation !== undefined && { truncation }),
    ...(batchNorm && { batchNorm }),
    ...(weights && { weights }),
    ...(classes && { classes }),
    ...(neighbours !== undefined && { neighbours }),
  }
}

function numbers(text: string): number[] {
  const list = text.split(',').map(Number)
  if (/^\d+(,\d+)+$/.test(text) && list.length <= 16 && list.every((seed) => seed <= SEEDS)) return list
  throw new InvalidArgumentError('It must be 2 to 16 whole numbers with commas between.')
}

function classNumbers(text: string): number[] {
  const list = text.split(',').map(Number)
  if (/^\d+(,\d+)*$/.test(text) && list.length <= 1024 && list.every((one) => one < 1000)) return list
  throw new InvalidArgumentError('It must be one number of a class, or several with commas between.')
}

function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= 10) return value
  throw new InvalidArgumentError('It must be a number above 0 and at most 10.')
}
