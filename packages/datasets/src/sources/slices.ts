import { open } from 'node:fs/promises'

/** An image file among others in one scratch file: no name that a stranger gave ever becomes a path. */
export interface Slice {
  name: string
  start: number
  length: number
}

/** The slice's bytes out of the scratch file. */
export async function readSlice(spool: string, { start, length }: Slice): Promise<Uint8Array> {
  const handle = await open(spool)
  try {
    const bytes = new Uint8Array(length)
    if (length > 0) await handle.read(bytes, 0, length, start)
    return bytes
  } finally {
    await handle.close()
  }
}
