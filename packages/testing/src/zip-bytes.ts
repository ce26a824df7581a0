import { crc32, deflateRawSync } from 'node:zlib'

/** An entry as its maker likes it: what the headers say need not be true. */
export interface MadeEntry {
  name: string | Buffer
  bytes?: Uint8Array
  deflate?: boolean
  /** What both headers say of the unpacked size. */
  declared?: number
  /** Unix mode. */
  mode?: number
  crc?: number
  /** The bytes of this earlier entry, by number, instead of own ones. */
  sharesWith?: number
  /** The size in a ZIP64 field. */
  zip64?: bigint
}

/** A ZIP file by APPNOTE.TXT 4.3, without any of the checks that a library for writing would make. */
export function zipBytes(entries: MadeEntry[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  const starts: { start: number; packed: number }[] = []
  let end = 0
  const append = (part: Buffer) => {
    parts.push(part)
    end += part.byteLength
  }
  for (const {
    name,
    bytes = Buffer.alloc(0),
    deflate = false,
    declared,
    mode = 0,
    crc,
    sharesWith,
    zip64,
  } of entries) {
    const fileName = Buffer.from(name)
    const packed = deflate ? deflateRawSync(bytes) : Buffer.from(bytes)
    const shared = sharesWith === undefined ? undefined : starts[sharesWith]
    const { start, packed: packedBytes } = shared ?? { start: end, packed: packed.byteLength }
    starts.push({ start, packed: packedBytes })
    const extra = zip64 === undefined ? Buffer.alloc(0) : zip64Field(zip64)
    const sizes = Buffer.alloc(26)
    sizes.writeUInt16LE(zip64 === undefined ? 20 : 45, 0)
    // Names are UTF-8.
    sizes.writeUInt16LE(1 << 11, 2)
    sizes.writeUInt16LE(deflate ? 8 : 0, 4)
    sizes.writeUInt32LE(crc ?? crc32(bytes), 10)
    sizes.writeUInt32LE(packedBytes, 14)
    sizes.writeUInt32LE(zip64 === undefined ? (declared ?? bytes.byteLength) : 0xffffffff, 18)
    sizes.writeUInt16LE(fileName.byteLength, 22)
    if (!shared) {
      append(Buffer.concat([Buffer.from('PK\x03\x04'), sizes, fileName]))
      append(packed)
    }
    sizes.writeUInt16LE(extra.byteLength, 24)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE((mode << 16) >>> 0, 6)
    rest.writeUInt32LE(start, 10)
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), unixMade, sizes, rest, fileName, extra]))
  }
  const directory = Buffer.concat(central)
  const tail = Buffer.alloc(18)
  tail.writeUInt16LE(entries.length, 4)
  tail.writeUInt16LE(entries.length, 6)
  tail.writeUInt32LE(directory.byteLength, 8)
  tail.writeUInt32LE(end, 12)
  return Buffer.concat([...parts, directory, Buffer.from('PK\x05\x06'), tail])
}

const unixMade = Buffer.from([20, 3])

function zip64Field(size: bigint): Buffer {
  const field = Buffer.alloc(12)
  field.writeUInt16LE(1, 0)
  field.writeUInt16LE(8, 2)
  field.writeBigUInt64LE(size, 4)
  return field
}
