// Protobuf's wire format, as much of it as event files need (protobuf.dev/programming-guides/encoding). Fields that hold their
// default are left out by the caller, or written: a reader takes both alike.

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

/** A whole number from 0 to 2⁵³ − 1 in groups of seven bits, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

const tag = (field: number, wireType: number) => varint(field * 8 + wireType)

export const int = (field: number, value: number): Buffer => Buffer.concat([tag(field, VARINT), varint(value)])
export const bool = (field: number, value: boolean): Buffer => int(field, value ? 1 : 0)

export function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([tag(field, FIXED64), bytes])
}

/** Of float32; NaN and the infinities are bits like any others. */
export function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([tag(field, FIXED32), bytes])
}

export const bytes = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([tag(field, LENGTH), varint(value.byteLength), value])

export const string = (field: number, value: string): Buffer => bytes(field, Buffer.from(value))

/** A message within a message: its fields one after another. */
export const message = (field: number, ...fields: Buffer[]): Buffer => bytes(field, Buffer.concat(fields))
