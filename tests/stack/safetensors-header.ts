interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** An independent reading of the safetensors header: 8 bytes of length, then JSON. With `withStart`, `start` is where the data begins. */
export function readHeader(bytes: Uint8Array, withStart = false): Record<string, Entry> & { start?: number } {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString('utf8')) as Record<string, Entry>
  delete header['__metadata__']
  return withStart ? Object.assign(header, { start: 8 + length }) : header
}
