import { openAsBlob } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DatasetDetail, DatasetFormat, DatasetId, parseBucketPlace, PointLaw } from '@kantor/contracts'
import type { DatasetSource } from '@kantor/datasets'
import { Command, InvalidArgumentError } from 'commander'
import { Failure } from '../failure.js'
import { note, print, printJson, table } from '../output.js'
import { connect, databaseUrlFor, globalsOf, settings } from '../settings.js'

/** `kantor dataset …`: bring images in, and see what is there. */
export function dataset(): Command {
  const group = new Command('dataset').description('Import, upload, list and show datasets')
  group.addCommand(importCommand())
  group.addCommand(uploadCommand())
  group.addCommand(list())
  group.addCommand(show())
  return group
}

interface ImportFlags {
  format?: DatasetFormat
  folder?: string
  channels?: 1 | 3
  idxImages?: string
  idxLabels?: string
  builtIn?: 'mnist' | 'fashion-mnist'
  points?: PointLaw
  json?: boolean
}

function importCommand(): Command {
  return new Command('import')
    .description(
      'Import images under an id; needs the database (DATABASE_URL or a running local stack) and the object store',
    )
    .argument('<id>', 'lower case letters, digits and dashes', datasetId)
    .argument(
      '[path]',
      'a folder, ZIP or tar file of images; CIFAR’s, LSUN’s or IDX files: what it is shows by itself; here or at s3://bucket/prefix',
    )
    .option('--format <name>', `with a path: one of ${DatasetFormat.options.join(', ')}, when it does not show`, format)
    .option('--folder <directory>', 'JPEG, PNG and WebP files; the first sub-folder is the label')
    .option(
      '--channels <count>',
      'of a folder or archive: 1 grey or 3 colour (default: what the images are)',
      channelCount,
    )
    .option('--idx-images <file>', 'IDX file of images, plain or gzipped')
    .option('--idx-labels <file>', 'IDX file of their labels')
    .option('--built-in <name>', 'mnist, or fashion-mnist where Debian’s package is installed', builtIn)
    .option(
      '--points <law>',
      'synthetic points: a kind such as ring-8, or a law as JSON: {"kind":"lines","theta":2}',
      pointLaw,
    )
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, path: string | undefined, flags: ImportFlags, command: Command) => {
      const { importDataset, pointDataset } = await import('@kantor/datasets')
      const origin = path === undefined ? originOf(flags) : await originAt(path, flags)
      const env = settings(globalsOf(command))
      const { openDatabase, registerDataset } = await import('@kantor/db')
      const { openObjectStore } = await import('../stack/built-in-datasets.js')
      const { importFromBucket } = await import('../stack/import-from-bucket.js')
      const db = await openDatabase(await databaseUrlFor(env))
      const store = await openObjectStore(env)
      try {
        const options = { id, store, log: { info: note, warn: note } }
        const found =
          'law' in origin
            ? pointDataset(id, origin.law)
            : 'source' in origin
              ? await importDataset({ ...options, source: origin.source })
              : await importFromBucket({ ...options, ...origin, env })
        const registered = await registerDataset(db, found)
        if (flags.json) return printJson(registered)
        note(`${registered.numImages} ${registered.law ? 'points' : 'images'} from ${registered.source}`)
        print(`${registered.id}@${registered.version}`)
      } finally {
        await store.close()
        await db.close()
      }
    })
}

/** Images that are imported, here or from a bucket, or a law that points are drawn from. */
type Origin =
  | { source: DatasetSource }
  | { place: string; format: DatasetFormat | undefined; channels: 1 | 3 | undefined }
  | { law: PointLaw }

async function originAt(path: string, { format: form, channels }: ImportFlags): Promise<Origin> {
  if (path.startsWith('s3://')) {
    if (!parseBucketPlace(path)) throw new Failure('usage', `${path}: write s3://bucket or s3://bucket/prefix`)
    return { place: path, format: form, channels }
  }
  const { sourceAt } = await import('@kantor/datasets')
  return { source: await sourceAt(resolve(path), { format: form, channels }) }
}

function originOf({ folder, channels, idxImages, idxLabels, builtIn: name, points: law }: ImportFlags): Origin {
  const sources: (DatasetSource | undefined)[] = [
    folder === undefined ? undefined : { kind: 'folder', directory: resolve(folder), ...(channels && { channels }) },
    idxImages === undefined
      ? undefined
      : { kind: 'idx', images: resolve(idxImages), ...(idxLabels !== undefined && { labels: resolve(idxLabels) }) },
    name === undefined ? undefined : { kind: name },
  ]
  const origins: Origin[] = sources.filter((one) => one !== undefined).map((source) => ({ source }))
  const [origin, ...more] = law ? [...origins, { law }] : origins
  if (origin === undefined || more.length > 0) {
    throw new Failure('usage', 'give one source: a path, --folder, --idx-images, --built-in or --points')
  }
  return origin
}

function format(value: string): DatasetFormat {
  const parsed = DatasetFormat.safeParse(value)
  if (!parsed.success) throw new InvalidArgumentError(`It must be one of ${DatasetFormat.options.join(', ')}.`)
  return parsed.data
}

function datasetId(value: string): string {
  const parsed = DatasetId.safeParse(value)
  if (!parsed.success) throw new InvalidArgumentError('It must be 1 to 63 lower case letters, digits or dashes.')
  return parsed.data
}

function pointLaw(value: string): PointLaw {
  let law: unknown
  try {
    law = value.startsWith('{') ? JSON.parse(value) : { kind: value }
  } catch {
    throw new InvalidArgumentError('It is no JSON.')
  }
  const parsed = PointLaw.safeParse(law)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(
    parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
  )
}

function channelCount(value: string): 1 | 3 {
  if (value !== '1' && value !== '3') throw new InvalidArgumentError('It must be 1 or 3.')
  return value === '1' ? 1 : 3
}

function builtIn(value: string): 'mnist' | 'fashion-mnist' {
  if (value !== 'mnist' && value !== 'fashion-mnist')
    throw new InvalidArgumentError('It must be mnist or fashion-mnist.')
  return value
}

function list(): Command {
  return new Command('list')
    .description('The newest version of every dataset')
    .option('--json', 'one JSON document on stdout')
    .action(async (options: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const { items } = await client.listDatasets()
      if (options.json) return printJson({ items })
      if (items.length === 0) return note('no datasets')
      const rows = items.map((one) => [
        `${one.id}@${one.version}`,
        String(one.numImages),
        String(one.channels),
        String(one.labels.length),
        one.source,
      ])
      print(table(['DATASET', 'IMAGES', 'CHANNELS', 'LABELS', 'SOURCE'], rows, [1, 2, 3]))
    })
}

/** Between looks at an import. */
const LOOK_EVERY_MS = 500

function uploadCommand(): Command {
  return new Command('upload')
    .description('Send a ZIP, tar, CIFAR or IDX file to the API, and wait until it is imported')
    .argument('<id>', 'lower case letters, digits and dashes', datasetId)
    .argument('<file>')
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, path: string, flags: { json?: boolean }, command: Command) => {
      const upload = await openAsBlob(path).catch((cause: Error) => {
        throw new Failure('notFound', `there is no file ${path}`, { cause })
      })
      const { client } = await connect(command)
      let found = await client.uploadDataset({ params: { id }, upload })
      note(`import ${found.id}`)
      while (found.state === 'queued' || found.state === 'running') {
        await sleep(LOOK_EVERY_MS)
        found = await client.getImport({ params: { id: found.id } })
      }
      if (flags.json) printJson(found)
      if (found.problem) throw new Failure('failed', `${found.problem.title}: ${found.problem.detail}`)
      if (!flags.json) print(`${id}@${found.version}`)
    })
}

function show(): Command {
  return new Command('show')
    .description('A dataset’s newest version: what its images are like, what was left out; and its other versions')
    .argument('<id>', 'lower case letters, digits and dashes', datasetId)
    .option('--json', 'one JSON document on stdout')
    .action(async (id: string, flags: { json?: boolean }, command: Command) => {
      const { client } = await connect(command)
      const found = await client.getDataset({ params: { id } })
      const { items: versions } = await client.listDatasetVersions({ params: { id } })
      if (flags.json) return printJson({ ...found, versions })
      const rows = [['version', found.version], ['source', found.source], ...describe(found)]
      print(table(['WHAT', 'IS'], [...rows, ['versions', versions.map(({ version }) => version).join(', ')]], []))
    })
}

const shown = (values: number[]) => values.map((value) => value.toFixed(1)).join(', ')

function describe({ numImages, channels, labels, law, statistics }: DatasetDetail): string[][] {
  if (law) return [['points', `${numImages} of ${channels} coordinates`]]
  const images = ['images', `${numImages} of ${channels === 1 ? 'one channel' : `${channels} channels`}`]
  if (!statistics) return [images]
  const { mean, deviation, labelCounts, sizes, skipped } = statistics
  return [
    images,
    ['mean, deviation', `${shown(mean)}; ${shown(deviation)}`],
    ['sizes', sizes.map(({ width, height, count }) => `${width} × ${height}: ${count}`).join(', ')],
    ['labels', labels.map((label, index) => `${JSON.stringify(label)}: ${labelCounts[index]}`).join(', ')],
    ['left out', [`${skipped.count}`, ...skipped.first.map(({ name }) => JSON.stringify(name))].join(', ')],
  ]
}
