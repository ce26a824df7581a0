// TFRecord: a length and bytes, each followed by its checksum (tensorflow/core/lib/io/record_writer.h).

/** CRC-32C (Castagnoli), reflected; RFC 3720 B.4 has examples. Node's `zlib.crc32` is another polynomial. */
const POLYNOMIAL = 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
  return value
})

export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (value >>> 8) ^ table[(value ^ byte) & 0xff]!
  return ~value >>> 0
}

/** Records may hold checksums of their own, and a checksum of data with its checksum says little: hence the mask. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** `data` as one record; up to 4 GiB. */
export function toRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(16 + data.byteLength)
  record.writeUInt32LE(data.byteLength, 0)
  record.writeUInt32LE(masked(record.subarray(0, 8)), 8)
  record.set(data, 12)
  record.writeUInt32LE(masked(data), 12 + data.byteLength)
  return record
}
