// An event file read by nothing of ours: TensorFlow's message definitions, protobufjs, and a checksum computed bit by bit.
import protobuf from 'protobufjs'

const definitions = `
syntax = "proto3";
message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; } }
message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value {
    string tag = 1; SummaryMetadata metadata = 9;
    oneof value { float simple_value = 2; Image image = 4; TensorProto tensor = 8; }
  }
  repeated Value value = 1;
}
message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1; string display_name = 2; string summary_description = 3; int32 data_class = 4;
}
message TensorShape { message Dim { int64 size = 1; } repeated Dim dim = 2; }
message TensorProto { int32 dtype = 1; TensorShape tensor_shape = 2; }
message Value { oneof kind { double number_value = 2; string string_value = 3; bool bool_value = 4; } }
message SessionStart {
  map<string, Value> hparams = 1; string model_uri = 2; string monitor_url = 3; string group_name = 4; double start_time_secs = 5;
}
message SessionEnd { int32 status = 1; double end_time_secs = 2; }
message HParamsPluginData {
  int32 version = 1; oneof data { SessionStart session_start_info = 3; SessionEnd session_end_info = 4; }
}`
const { root } = protobuf.parse(definitions, { keepCase: true })
const eventType = root.lookupType('Event')
const hparamsType = root.lookupType('HParamsPluginData')

export interface ReadEvent {
  wall_time: number
  step: number
  file_version?: string
  summary?: { value: ReadValue[] }
}
export interface ReadValue {
  tag: string
  simple_value?: number
  image?: { height: number; width: number; colorspace: number; encoded_image_string: Buffer }
  metadata?: { plugin_data?: { plugin_name: string; content: Buffer }; summary_description: string }
}

/** Throws where a length or a checksum is wrong, or bytes are left over. */
export function readEventFile(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = []
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at))
    const data = file.subarray(at + 12, at + 12 + length)
    if (file.readUInt32LE(at + 8) !== masked(file.subarray(at, at + 8))) throw new Error(`a wrong length at ${at}`)
    if (file.readUInt32LE(at + 12 + length) !== masked(data)) throw new Error(`wrong data at ${at}`)
    const event = eventType.toObject(eventType.decode(data), { longs: Number }) as ReadEvent
    events.push({ ...event, step: event.step ?? 0 })
    at += 16 + length
  }
  return events
}

/** What the HPARAMS page reads of a value. */
export const readHparams = (value: ReadValue): object =>
  hparamsType.toObject(hparamsType.decode(value.metadata!.plugin_data!.content))

/** x³² + x²⁸ + x²⁷ + x²⁶ + x²⁵ + x²³ + x²² + x²⁰ + x¹⁹ + x¹⁸ + x¹⁴ + x¹³ + x¹¹ + x¹⁰ + x⁹ + x⁸ + x⁶ + 1, by long division. */
function masked(bytes: Buffer): number {
  const exponents = [28, 27, 26, 25, 23, 22, 20, 19, 18, 14, 13, 11, 10, 9, 8, 6, 0]
  const divisor = exponents.reduce((sum, exponent) => sum | (1 << (31 - exponent)), 0) >>> 0
  let rest = 0xffffffff
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const carry = (rest ^ (byte >> bit)) & 1
      rest = (rest >>> 1) ^ (carry === 1 ? divisor : 0)
    }
  const crc = BigInt(~rest >>> 0)
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn)
}
