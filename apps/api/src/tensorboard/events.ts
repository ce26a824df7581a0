// The messages of an event file: tensorflow/core/util/event.proto, framework/summary.proto, and TensorBoard's hparams/plugin_data.proto.
import { type Job, isTerminal, type SeriesName, seriesCatalogue } from '@kantor/contracts'
import { bool, bytes, double, float, int, message, string } from './protobuf.js'

/** When and where: `wallTime` in seconds since 1970, the generator step. */
export interface Moment {
  wallTime: number
  step: number
}

const event = ({ wallTime, step }: Moment, ...what: Buffer[]) =>
  Buffer.concat([double(1, wallTime), ...(step > 0 ? [int(2, step)] : []), ...what])
const summary = (...values: Buffer[]) => message(5, ...values)

/** What every event file begins with. */
export const fileVersion = (wallTime: number): Buffer => event({ wallTime, step: 0 }, string(3, 'brain.Event:2'))

/** A tag's metadata is read from its first value: `described` holds those that have had it. */
export function scalars(moment: Moment, values: Iterable<[SeriesName, number]>, described: Set<SeriesName>): Buffer {
  const fields = Array.from(values, ([name, value]) => {
    const metadata = described.has(name) ? [] : [scalarMetadata(name)]
    described.add(name)
    return message(1, string(1, name), float(2, value), ...metadata)
  })
  return event(moment, summary(...fields))
}

const DATA_CLASS_SCALAR = 1
const scalarMetadata = (name: SeriesName) =>
  message(9, message(1, string(1, 'scalars')), string(3, seriesCatalogue[name]), int(4, DATA_CLASS_SCALAR))

export interface Picture {
  width: number
  height: number
  channels: number
  /** As it is in the store. */
  png: Uint8Array
}

export const image = (moment: Moment, name: string, { width, height, channels, png }: Picture): Buffer =>
  event(
    moment,
    summary(message(1, string(1, name), message(4, int(1, height), int(2, width), int(3, channels), bytes(4, png)))),
  )

/** The job as one session of TensorBoard's HPARAMS page: the leaves of its spec. The page finds metrics and columns by itself. */
export const sessionStart = (job: Job, wallTime: number): Buffer =>
  hparams(
    wallTime,
    'session_start_info',
    message(
      3,
      ...leavesOf(job.spec).map(([name, value]) => message(1, string(1, name), message(2, protobufValue(value)))),
      string(4, job.id),
      double(5, wallTime),
    ),
  )

const status = { unknown: 0, success: 1, failure: 2, running: 3 }

export const sessionEnd = (job: Job, wallTime: number): Buffer =>
  hparams(wallTime, 'session_end_info', message(4, int(1, status[statusOf(job)]), double(2, wallTime)))

function statusOf({ state }: Job): keyof typeof status {
  if (!isTerminal(state)) return 'running'
  if (state === 'cancelled') return 'unknown'
  return state === 'failed' ? 'failure' : 'success'
}

/** The plugin keeps its data in the metadata; its value is an empty tensor: DT_FLOAT of shape [0]. */
function hparams(wallTime: number, name: string, data: Buffer): Buffer {
  const emptyTensor = message(8, int(1, 1), message(2, message(2, int(1, 0))))
  const metadata = message(9, message(1, string(1, 'hparams'), bytes(2, data)))
  return event({ wallTime, step: 0 }, summary(message(1, string(1, `_hparams_/${name}`), emptyTensor, metadata)))
}

type Leaf = string | number | boolean

/** `{a: {b: 1}, c: [2]}` → `a.b` 1, `c` "[2]"; in the order of their names, which a database does not keep. */
function leavesOf(value: object, prefix = ''): [string, Leaf][] {
  const leaves = Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, Leaf][] => {
    const name = prefix + key
    if (typeof inner === 'string' || typeof inner === 'number' || typeof inner === 'boolean') return [[name, inner]]
    if (Array.isArray(inner)) return [[name, JSON.stringify(inner)]]
    return typeof inner === 'object' && inner !== null ? leavesOf(inner, `${name}.`) : []
  })
  return leaves.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** google.protobuf.Value. */
function protobufValue(value: Leaf): Buffer {
  if (typeof value === 'number') return double(2, value)
  return typeof value === 'string' ? string(3, value) : bool(4, value)
}
