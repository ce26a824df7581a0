import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface StaticFile {
  bytes: Buffer
  mediaType: string
  etag: string
}

const mediaTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/**
 * Every file below a folder of the program, by its path with `/` between. A few megabytes, read once: a request cannot reach any other
 * file, because none is looked up by a path.
 */
export function readFolder(directory: string, wanted = (_path: string) => true): Map<string, StaticFile> {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name))
  const named = paths.map((path) => [relative(directory, path).replaceAll(sep, '/'), path] as const)
  return new Map(named.filter(([name]) => wanted(name)).map(([name, path]) => [name, readStatic(path)]))
}

function readStatic(path: string): StaticFile {
  const bytes = readFileSync(path)
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  return { bytes, mediaType: mediaTypes[extname(path)] ?? 'application/octet-stream', etag }
}

/** Names that carry a hash of the content may be kept for ever, the others are asked about each time. */
export function sendFile(
  file: StaticFile,
  { immutable }: { immutable: boolean },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('etag', file.etag)
  reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  return reply.type(file.mediaType).send(file.bytes)
}
