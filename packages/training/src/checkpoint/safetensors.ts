// The safetensors format: u64 header length, JSON header, tensor bytes. https://github.com/huggingface/safetensors

/** A file that is not well-formed safetensors, or not what its reader asked for. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError'
}

export interface StoredTensor {
  dtype: Dtype
  shape: readonly number[]
  /** Little-endian bytes. */
  bytes: Uint8Array
}

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>
  metadata: Record<string, string>
}

const dtypeBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const
export type Dtype = keyof typeof dtypeBytes

/** Larger headers are refused, as the reference implementation does. */
const MAX_HEADER_BYTES = 100_000_000

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** @throws SafetensorsError that says what is wrong with the file. */
export function readSafetensors(file: Uint8Array): SafetensorsFile {
  const { header, data } = split(file)
  const tensors = new Map<string, StoredTensor>()
  const metadata: Record<string, string> = {}
  const spans: { name: string; begin: number; end: number }[] = []
  for (const [name, entry] of Object.entries(header)) {
    if (!isObject(entry)) throw new SafetensorsError(`header entry ${name} is not an object`)
    if (name === '__metadata__') {
      for (const [key, value] of Object.entries(entry)) {
        if (typeof value !== 'string') throw new SafetensorsError(`metadata ${key} is not a string`)
        metadata[key] = value
      }
      continue
    }
    const { dtype, shape, begin, end } = entryOf(name, entry, data.length)
    spans.push({ name, begin, end })
    tensors.set(name, { dtype, shape, bytes: data.subarray(begin, end) })
  }
  checkCover(spans, data.length)
  return { tensors, metadata }
}

function split(file: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  if (file.length < 8) throw new SafetensorsError(`the file has ${file.length} bytes, too few for a header length`)
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true))
  if (length > MAX_HEADER_BYTES || length > file.length - 8) {
    throw new SafetensorsError(`the header claims ${length} bytes, the file has ${file.length - 8} after its length`)
  }
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + length)))
  } catch (cause) {
    throw new SafetensorsError('the header is not valid JSON', { cause })
  }
  if (!isObject(header)) throw new SafetensorsError('the header is not a JSON object')
  return { header, data: file.subarray(8 + length) }
}

function entryOf(name: string, entry: Record<string, unknown>, available: number) {
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype)) {
    throw new SafetensorsError(`tensor ${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw new SafetensorsError(`tensor ${name} has no valid shape: ${JSON.stringify(shape)}`)
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw new SafetensorsError(`tensor ${name} has no valid data_offsets: ${JSON.stringify(offsets)}`)
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end || end > available) {
    throw new SafetensorsError(
      `tensor ${name} lies at bytes ${begin} to ${end} of ${available}: the file is cut short or damaged`,
    )
  }
  const expected = (shape as number[]).reduce((n, size) => n * size, dtypeBytes[dtype as Dtype])
  if (end - begin !== expected) {
    throw new SafetensorsError(
      `tensor ${name} (${dtype} [${shape.join(', ')}]) needs ${expected} bytes and has ${end - begin}`,
    )
  }
  return { dtype: dtype as Dtype, shape: shape as number[], begin, end }
}

/** Tensors must cover the data without overlaps, holes or a remainder. */
function checkCover(spans: { name: string; begin: number; end: number }[], length: number): void {
  let reached = 0
  for (const { name, begin, end } of spans.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < reached) throw new SafetensorsError(`tensor ${name} overlaps the one before it`)
    if (begin > reached) throw new SafetensorsError(`there is a hole of ${begin - reached} bytes before tensor ${name}`)
    reached = end
  }
  if (reached !== length) throw new SafetensorsError(`${length - reached} bytes at the end belong to no tensor`)
}

/** Writes tensors sorted by name, so that equal content gives equal bytes. Data starts at a multiple of 8. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Record<string, string>,
): Uint8Array {
  // Wide elements first, as the reference implementation does: every tensor then starts aligned to its element.
  const sorted = [...tensors].sort(
    ([a, x], [b, y]) => dtypeBytes[y.dtype] - dtypeBytes[x.dtype] || (a < b ? -1 : Number(a > b)),
  )
  const header: Record<string, unknown> = { __metadata__: metadata }
  let offset = 0
  for (const [name, { dtype, shape, bytes }] of sorted) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const padded = Math.ceil(text.length / 8) * 8
  const file = new Uint8Array(8 + padded + offset).fill(0x20, 8 + text.length, 8 + padded)
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true)
  file.set(text, 8)
  let at = 8 + padded
  for (const [, { bytes }] of sorted) {
    file.set(bytes, at)
    at += bytes.length
  }
  return file
}

export const float32Tensor = (values: Float32Array, shape: readonly number[]): StoredTensor => ({
  dtype: 'F32',
  shape,
  bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
})

export const int64Scalar = (value: number): StoredTensor => ({
  dtype: 'I64',
  shape: [],
  bytes: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
})

/** The float32 values of a stored tensor of exactly this shape. @throws SafetensorsError */
export function float32Values(file: SafetensorsFile, name: string, shape: readonly number[]): Float32Array {
  const tensor = file.tensors.get(name)
  if (!tensor) throw new SafetensorsError(`the file has no tensor ${name}`)
  if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
    const found = `${tensor.dtype} [${tensor.shape.join(', ')}]`
    throw new SafetensorsError(`tensor ${name} is ${found}, expected F32 [${shape.join(', ')}]`)
  }
  // A copy: a view into the file may start at an odd address.
  return new Float32Array(new Uint8Array(tensor.bytes).buffer)
}
