import { open } from 'node:fs/promises'
interface Header {
  [name: string]: { data_offsets?: [number, number] }
}

function split(file: Uint8Array): { header: Header; data: Uint8Array } {
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + headerBytes)).toString()) as Header
  return { header, data: file.subarray(8 + headerBytes) }
}

/** A copy whose first tensor with such a name begins with NaN. */
export function withNaN(file: Uint8Array, name: RegExp): Uint8Array {
  const copy = Uint8Array.from(file)
  const { header, data } = split(copy)
  const [, tensor] = Object.entries(header).find(([key]) => name.test(key))!
  new DataView(data.buffer, data.byteOffset).setFloat32(tensor.data_offsets![0], Number.NaN, true)
  return copy
}

/** Damages a file: its last byte has another lowest bit. */
export async function flipBit(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    const { size } = await handle.stat()
    const byte = Buffer.alloc(1)
    await handle.read(byte, 0, 1, size - 1)
    byte[0]! ^= 1
    await handle.write(byte, 0, 1, size - 1)
  } finally {
    await handle.close()
  }
}
