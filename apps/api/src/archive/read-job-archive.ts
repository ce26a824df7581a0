// From a ZIP to what it says, all of it checked before anything is believed.
import { createHash } from 'node:crypto'
import { type ArchiveLimits, openZip, quoted, type ZippedFile } from '@kantor/archives'
import {
  AppError,
  ARCHIVE_VERSION,
  ArchivedCheckpoint,
  ArchivedCurve,
  ArchivedJob,
  ArchivedSample,
  ArchiveManifest,
  Attempt,
  fieldErrors,
  JobEvent,
  JobSpec,
} from '@kantor/contracts'
import { z } from 'zod'
import { scanJson } from '../scan-json.js'
import { type DocumentName, isEntryName } from './entry-names.js'
import { archiveFault } from './history-fault.js'

const MAX_ENTRIES = 50_000
/** Of one JSON document. */
const MAX_JSON_BYTES = 32 * 2 ** 20
const MAX_KEYS = 4_000_000

const shapes = {
  'job.json': ArchivedJob,
  'spec.json': JobSpec,
  'events.json': z.array(JobEvent).min(1),
  'attempts.json': z.array(Attempt),
  'samples.json': z.array(ArchivedSample),
  'checkpoints.json': z.array(ArchivedCheckpoint),
  'curve.json': ArchivedCurve,
} as const satisfies Record<DocumentName, z.ZodType>
export type ArchivedDocuments = { [N in DocumentName]: z.output<(typeof shapes)[N]> }

export interface JobArchive {
  documents: ArchivedDocuments
  host: string
  /** The bytes of an entry as they come, which end in an error when they are not those of the manifest. Null when there is no such entry. */
  open(name: string): AsyncIterable<Uint8Array> | null
  close(): void
}

const invalid = (detail: string, cause?: unknown) => new AppError('archive-invalid', detail, { cause })

/**
 * Opens the archive of a job. AppError `archive-unsafe-entry`, `archive-too-large`, `archive-version`, and `archive-invalid` for everything
 * else that is wrong with entries and documents; what their bytes are is told by reading them.
 */
export async function readJobArchive(file: string, maxBytes: number): Promise<JobArchive> {
  const limits: ArchiveLimits = { maxEntries: MAX_ENTRIES, maxBytes, maxFileBytes: maxBytes }
  const zip = await openZip(file, limits)
  try {
    const files = byName(zip.files)
    const manifest = await readManifest(files)
    const open = (name: string) => {
      const [found, entry] = [files.get(name), manifest.entries.get(name)]
      return found && entry ? hashed(found, entry.sha256) : null
    }
    const documents = Object.fromEntries(
      await Promise.all(
        Object.entries(shapes).map(async ([name, shape]) => [name, await readDocument(files, open(name), name, shape)]),
      ),
    ) as ArchivedDocuments
    const fault = archiveFault(documents, manifest.entries)
    if (fault !== null) throw invalid(fault)
    return { documents, host: manifest.host, open, close: () => zip.close() }
  } catch (error) {
    zip.close()
    throw error
  }
}

function byName(files: readonly ZippedFile[]): Map<string, ZippedFile> {
  const named = new Map<string, ZippedFile>()
  for (const file of files) {
    if (!isEntryName(file.name)) throw invalid(`the archive holds ${quoted(file.name)}, which is no part of a job`)
    if (named.has(file.name)) throw invalid(`the archive holds ${quoted(file.name)} twice`)
    named.set(file.name, file)
  }
  return named
}

type Entries = Map<string, ArchiveManifest['entries'][number]>

/** What it lists is what there is. */
async function readManifest(files: Map<string, ZippedFile>): Promise<{ host: string; entries: Entries }> {
  const name = 'manifest.json'
  const file = files.get(name)
  if (!file) throw invalid('the archive holds no manifest.json: it is not the export of a job')
  const value = parsed(await whole(file, file.chunks()), name)
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  if (format === 'kantor-job' && typeof version === 'number' && version > ARCHIVE_VERSION)
    throw new AppError('archive-version', `the archive has version ${version}, this release reads ${ARCHIVE_VERSION}`)
  const manifest = checked(ArchiveManifest, value, name)
  const entries: Entries = new Map(manifest.entries.map((entry) => [entry.name, entry]))
  for (const found of files.keys())
    if (found !== name && !entries.has(found)) throw invalid(`the manifest does not list ${quoted(found)}`)
  for (const { name: listed, sizeBytes } of manifest.entries) {
    const found = files.get(listed)
    if (!found) throw invalid(`the manifest lists ${quoted(listed)}, which is not there`)
    if (found.sizeBytes !== sizeBytes)
      throw invalid(`${quoted(listed)} has ${found.sizeBytes} bytes, the manifest says ${sizeBytes}`)
  }
  return { host: manifest.host, entries }
}

async function* hashed(file: ZippedFile, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of file.chunks()) {
    hash.update(chunk)
    yield chunk
  }
  const found = hash.digest('hex')
  if (found !== sha256) throw invalid(`${file.name} has the sha256 ${found}, the manifest says ${sha256}`)
}

async function readDocument(
  files: Map<string, ZippedFile>,
  bytes: AsyncIterable<Uint8Array> | null,
  name: string,
  shape: z.ZodType,
): Promise<unknown> {
  if (bytes === null) throw invalid(`the archive holds no ${name}`)
  return checked(shape, parsed(await whole(files.get(name)!, bytes), name), name)
}

async function whole(file: ZippedFile, chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (file.sizeBytes > MAX_JSON_BYTES)
    throw new AppError(
      'archive-too-large',
      `${file.name} has ${file.sizeBytes} bytes; at most ${MAX_JSON_BYTES} are read`,
    )
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

/** Postgres holds neither. */
const unstorable = /\0|\p{Surrogate}/u

function parsed(bytes: Uint8Array, name: string): unknown {
  let json: string
  try {
    json = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw invalid(`${name} is not UTF-8`, error)
  }
  const fault = scanJson(json, MAX_KEYS)
  if (fault) throw invalid(`${name}: ${fault.message} at character ${fault.offset}`)
  return JSON.parse(json, (key, value: unknown) => {
    if (unstorable.test(key) || (typeof value === 'string' && unstorable.test(value)))
      throw invalid(`${name} holds NUL or half of a surrogate pair`)
    return value
  }) as unknown
}

function checked<S extends z.ZodType>(shape: S, value: unknown, name: string): z.output<S> {
  const result = shape.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  const errors = fieldErrors(shape, result.error.issues).map((error) => ({
    ...error,
    pointer: `/${name}${error.pointer}`,
  }))
  const [first] = errors
  throw new AppError('archive-invalid', first ? `${first.pointer.slice(1)} ${first.message}` : `${name} is not valid`, {
    errors,
  })
}
