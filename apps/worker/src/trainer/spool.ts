import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { crashpoint } from '@kantor/runtime/crash-point'
import { isDiskFull } from '../disk-full.js'

const ROOM_CHECK_MS = 2000

/**
 * `writeDurably`, but a full disk is waited out: training stands still at its step boundary instead of failing, and `onFull` is told
 * at every try. Other errors are thrown.
 */
export async function writeWhenThereIsRoom(
  path: string,
  bytes: Uint8Array,
  onFull: (error: unknown) => void,
): Promise<string> {
  for (;;) {
    try {
      return await writeDurably(path, bytes)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      // Half a file would take the room that others need.
      await rm(`${path}.tmp`, { force: true })
      onFull(error)
    }
    await sleep(ROOM_CHECK_MS)
  }
}

/**
 * Writes `bytes` to `path` so that the name exists only with complete, durable contents, and returns the sha256 (hex) of what
 * the disk gives back. Any error is thrown: a checkpoint that is believed saved and is not there is worse than a crash.
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<string> {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  const expected = sha256(bytes)
  const found = sha256(await readFile(temporary))
  if (found !== expected)
    throw new Error(`${path}: the disk gave back other bytes than were written (sha256 ${found}, expected ${expected})`)
  crashpoint('spool-file-written')
  await rename(temporary, path)
  crashpoint('spool-file-renamed')
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  return found
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
