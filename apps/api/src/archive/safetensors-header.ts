import { open } from 'node:fs/promises'

const MAX_HEADER_BYTES = 16 * 2 ** 20
const dtypeBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** One tensor of a file, and where its bytes lie in it. */
export interface TensorEntry {
  name: string
  dtype: string
  shape: number[]
  begin: number
  end: number
}

/** What is wrong with the layout of a safetensors file, or null. */
export async function safetensorsFault(path: string): Promise<string | null> {
  const { fault } = await readLayout(path)
  return fault ?? null
}

/**
 * The tensors of a safetensors file, or what is wrong with its layout: its header is read, within bounds, and nothing of its tensors. They
 * must cover the rest of the file without overlaps, holes or a remainder. https://github.com/huggingface/safetensors
 */
export async function readLayout(
  path: string,
): Promise<
  | { fault: string; tensors?: undefined; metadata?: undefined }
  | { fault?: undefined; tensors: TensorEntry[]; metadata: Json }
> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const prefix = new Uint8Array(8)
    const { bytesRead } = await file.read(prefix, 0, 8, 0)
    if (bytesRead < 8) return { fault: 'it is too short for a header length' }
    const length = new DataView(prefix.buffer).getBigUint64(0, true)
    if (length > MAX_HEADER_BYTES || Number(length) > size - 8) return { fault: `its header claims ${length} bytes` }
    const header = new Uint8Array(Number(length))
    await file.read(header, 0, header.length, 8)
    const found = tensorsIn(header, size - 8 - header.length)
    if (typeof found === 'string') return { fault: found }
    const from = 8 + header.length
    const tensors = found.tensors.map((one) => ({ ...one, begin: one.begin + from, end: one.end + from }))
    return { tensors, metadata: found.metadata }
  } finally {
    await file.close()
  }
}

function tensorsIn(bytes: Uint8Array, dataBytes: number): { tensors: TensorEntry[]; metadata: Json } | string {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return 'its header is not JSON'
  }
  if (!isObject(header)) return 'its header is not an object'
  const { __metadata__: described, ...entries } = header
  const tensors: TensorEntry[] = []
  for (const [name, entry] of Object.entries(entries)) {
    const tensor = tensorOf(name, entry)
    if (typeof tensor === 'string') return `tensor ${JSON.stringify(name.slice(0, 100))} ${tensor}`
    tensors.push(tensor)
  }
  let reached = 0
  for (const { begin, end } of tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) return begin < reached ? 'its tensors overlap' : 'its tensors leave a hole'
    reached = end
  }
  if (reached === dataBytes) return { tensors, metadata: isObject(described) ? described : {} }
  return `its tensors are ${reached} bytes, the file holds ${dataBytes}`
}

function tensorOf(name: string, entry: unknown): TensorEntry | string {
  if (!isObject(entry)) return 'is described by no object'
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype)) return 'has an unknown dtype'
  if (!Array.isArray(shape) || !shape.every(isCount)) return 'has no valid shape'
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) return 'has no valid data_offsets'
  const [begin, end] = offsets as [number, number]
  const bytes = (shape as number[]).reduce((n, size) => n * size, dtypeBytes[dtype as keyof typeof dtypeBytes])
  return end - begin === bytes ? { name, dtype, shape: shape as number[], begin, end } : 'does not fill its bytes'
}
