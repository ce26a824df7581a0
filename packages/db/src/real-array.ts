const FLOAT4 = 700
const HEADER_BYTES = 20
const ELEMENT_BYTES = 8

/**
 * A parameter of type real[] in Postgres' binary form. Bits arrive as they are, −0 and NaN too, at a fraction of the text form's cost.
 * https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES, array_recv: dimensions, null flag, element type,
 * then length and lower bound of each dimension, then each element after its length.
 */
export function realArray(length: number, at: (index: number) => number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + length * ELEMENT_BYTES)
  buffer.writeInt32BE(1, 0)
  buffer.writeInt32BE(0, 4)
  buffer.writeInt32BE(FLOAT4, 8)
  buffer.writeInt32BE(length, 12)
  buffer.writeInt32BE(1, 16)
  for (let i = 0; i < length; i++) {
    const offset = HEADER_BYTES + i * ELEMENT_BYTES
    buffer.writeInt32BE(4, offset)
    buffer.writeFloatBE(at(i), offset + 4)
  }
  return buffer
}
