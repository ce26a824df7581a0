import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@kantor/runtime'

/** The worker cannot keep what its trainers make. The message says why and what to do. */
export class SpoolUnusable extends Error {
  override name = 'SpoolUnusable'
}

/**
 * What one attempt may keep in the spool at a time: two checkpoints on their way to the store, the one that it resumed from, and eight samples.
 * The authors' DCGAN with its optimizers makes checkpoints of 75 MB, one with twice the filters 300 MB.
 */
const MEBIBYTES_PER_SLOT = 512
/** Of statfs(2). */
const TMPFS = 0x0102_1994
const RAMFS = 0x8584_58f6

export interface Volume {
  isMemory: boolean
  sizeBytes: number
  freeBytes: number
}

/**
 * Throws SpoolUnusable when the spool cannot be made or written, or lies in memory that is too small for `slots` attempts: a disk that is full
 * may be cleared, and is waited for; a memory file system that is small stays small.
 */
export async function checkSpool(dataDir: string, slots: number, log: Logger): Promise<void> {
  const spool = join(dataDir, 'spool')
  const probe = join(spool, `.probe-${process.pid}`)
  let volume: Volume
  try {
    await mkdir(spool, { recursive: true })
    await writeFile(probe, '')
    await rm(probe)
    volume = await volumeOf(spool)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // A full disk is an outage like another.
    if (code === 'ENOSPC' || code === 'EDQUOT') return log.warn({ err: error }, 'the spool is full')
    throw new SpoolUnusable(
      `KANTOR_DATA_DIR: the spool ${spool} cannot be written (${code ?? message}); name a folder that this user may write, or make it`,
    )
  }
  const problem = whyTooSmall(volume, slots)
  if (problem === null) return
  if (volume.isMemory) throw new SpoolUnusable(`KANTOR_DATA_DIR: the spool ${spool} ${problem}`)
  log.warn(`the spool ${spool} ${problem}`)
}

export async function volumeOf(path: string): Promise<Volume> {
  const { type, bsize, blocks, bavail } = await statfs(path)
  return { isMemory: type === TMPFS || type === RAMFS, sizeBytes: blocks * bsize, freeBytes: bavail * bsize }
}

/** What is wrong with the room for `slots` attempts, and the remedy; null when nothing is. */
export function whyTooSmall({ isMemory, sizeBytes, freeBytes }: Volume, slots: number): string | null {
  const wanted = slots * MEBIBYTES_PER_SLOT
  const has = Math.floor((isMemory ? sizeBytes : freeBytes) / 2 ** 20)
  if (has >= wanted) return null
  return isMemory
    ? `lies in memory (tmpfs) of ${has} MiB, and ${slots} jobs at once may need ${wanted}; name a folder on a disk, or mount it with size=${wanted}m`
    : `has ${has} MiB free, and ${slots} jobs at once may need ${wanted}: training will stand still when it is full`
}
