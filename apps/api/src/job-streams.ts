// Event streams of jobs. One loop feeds all streams of this process: a look at the watched jobs' marks, then what changed.
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, isTerminal, type StreamEvent } from '@kantor/contracts'
import { type Database, jobMarks, type JobMarks, listEvents, newestPoints, readLog, samplesFrom } from '@kantor/db'
import type { Logger } from '@kantor/runtime'
import { repeat } from './repeat.js'

const LOOK_MS = 1_000
const HEARTBEAT_MS = 15_000
/** What a client may leave unread before it gets no more; what it misses it gets later, from the rows. */
const BACKLOG_BYTES = 64 * 1024
/** A client that reads nothing for so long is gone, whatever its connection says. */
const PATIENCE_MS = 60_000
/** For clients to read to the end when the service goes down. */
const GOODBYE_MS = 500
const MAX_PER_KEY = 20
const MAX_IN_ALL = 500

type News = StreamEvent extends infer One ? (One extends { id: string } ? Omit<One, 'id'> : never) : never
type At = ReturnType<typeof jobMarks> extends Promise<Map<string, infer Marks>> ? Marks : never

interface Stream {
  jobId: string
  key: string
  /** What the client has. */
  at: JobMarks
  out: Readable
  heardAt: number
  readAt: number
}

/** Where a stream stands, as its Last-Event-ID. */
const nameOf = ({ events, curve, log, samples }: JobMarks) => [events, curve, log, samples].join('.')
/** AppError `invalid-cursor`. */
function marksIn(name: string): JobMarks {
  const [, events, curve, log, samples] = (/^(\d{1,9})\.(\d{1,15})\.(\d{1,15})\.(\d{1,16})$/.exec(name) ?? []).map(
    Number,
  )
  if (events === undefined)
    throw new AppError('invalid-cursor', 'the Last-Event-ID is not one of this stream; leave it out to begin now')
  return { events, curve: curve!, log: log!, samples: samples! }
}

export class JobStreams {
  readonly #db: Database
  readonly #log: Logger
  readonly #streams = new Set<Stream>()
  readonly #closing = new AbortController()
  #feeding: Promise<void> | undefined

  constructor(db: Database, log: Logger) {
    this.#db = db
    this.#log = log
  }

  get numOpen(): number {
    return this.#streams.size
  }

  /**
   * The events of a job: those behind `lastEventId`, or its newest state and what comes. Null when it is over and the client has
   * everything. AppError `not-found`; `rate-limited` beyond 20 streams of a key, or 500 of this process.
   */
  async open(jobId: string, key: string, lastEventId: string | undefined): Promise<Readable | null> {
    const given = lastEventId === undefined ? undefined : marksIn(lastEventId)
    const now = (await jobMarks(this.#db, [jobId])).get(jobId)
    if (!now) throw new AppError('not-found', `there is no job ${jobId}`)
    if (given && isTerminal(now.state) && !isBehind(given, now)) return null
    if ([...this.#streams].filter((stream) => stream.key === key).length >= MAX_PER_KEY)
      throw new AppError('rate-limited', `this key follows ${MAX_PER_KEY} jobs already; close one of its streams first`)
    if (this.#streams.size >= MAX_IN_ALL || this.#closing.signal.aborted)
      throw new AppError('rate-limited', 'this instance serves as many streams as it can; poll GET /jobs/:id instead')

    // Pushed to by the loop, which looks at how much lies unread.
    const out = new Readable({ read() {} })
    const moment = performance.now()
    const { events, curve, log, samples } = now
    const at = given ?? { events: events - 1, curve, log, samples }
    const stream: Stream = { jobId, key, at, out, heardAt: moment, readAt: moment }
    out.push('retry: 2000\n\n')
    this.#streams.add(stream)
    out.once('close', () => this.#streams.delete(stream))
    this.#feeding ??= this.#feed()
    return out
  }

  /** Ends every stream, so that the server can close; clients come back with their Last-Event-ID. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const { out } of this.#streams) out.push(null)
    const deadline = performance.now() + GOODBYE_MS
    while (this.#streams.size > 0 && performance.now() < deadline) await sleep(10)
    // Those that do not read would not end by being told.
    for (const { out } of this.#streams) out.destroy()
    await this.#feeding
  }

  async #feed(): Promise<void> {
    const idle = new AbortController()
    const signal = AbortSignal.any([idle.signal, this.#closing.signal])
    await repeat({ name: 'event streams', everyMs: LOOK_MS, signal, log: this.#log }, async () => {
      if (this.#streams.size === 0) return idle.abort()
      await this.#look()
    })
    this.#feeding = undefined
    // One that was opened after the last look.
    if (this.#streams.size > 0 && !this.#closing.signal.aborted) this.#feeding = this.#feed()
  }

  async #look(): Promise<void> {
    const moment = performance.now()
    const byJob = new Map<string, Stream[]>()
    for (const stream of this.#streams) {
      if (stream.out.readableLength === 0) stream.readAt = moment
      if (moment - stream.readAt > PATIENCE_MS) stream.out.destroy()
      else if (stream.out.readableLength < BACKLOG_BYTES)
        byJob.set(stream.jobId, [...(byJob.get(stream.jobId) ?? []), stream])
    }
    const marks = await jobMarks(this.#db, [...byJob.keys()])
    for (const [jobId, streams] of byJob) {
      const now = marks.get(jobId)
      if (now) await this.#tell(jobId, now, streams)
      // The job was deleted.
      else for (const { out } of streams) out.push(null)
    }
    for (const stream of this.#streams) if (moment - stream.heardAt > HEARTBEAT_MS) say(stream, ': still here\n\n')
  }

  /** Reads each kind of news once, from where the slowest of the streams stands. */
  async #tell(jobId: string, now: At, streams: Stream[]): Promise<void> {
    const slowest = (kind: keyof JobMarks) => Math.min(...streams.map(({ at }) => at[kind]))
    const isNew = (kind: keyof JobMarks) => slowest(kind) < now[kind]
    const [events, points, samples, lines] = await Promise.all([
      isNew('events') ? listEvents(this.#db, jobId, slowest('events')) : [],
      isNew('curve') ? newestPoints(this.#db, jobId, 1) : [],
      isNew('samples') ? samplesFrom(this.#db, jobId, slowest('samples')) : [],
      isNew('log') ? readLog(this.#db, jobId, { tail: 1, after: slowest('log') }) : [],
    ])
    const firstSample = slowest('samples')
    const newest = points.at(-1)
    const news: (News & { at: string; reached: Partial<JobMarks> })[] = [
      ...events.map((data) => ({ event: 'state' as const, data, at: data.at, reached: { events: data.seq } })),
      ...lines.map((data) => ({ event: 'log' as const, data, at: data.at, reached: { log: data.id } })),
      ...samples.flatMap((data, index) => {
        const reached = { samples: firstSample + index + 1 }
        return data ? [{ event: 'sample' as const, data, at: data.createdAt, reached }] : []
      }),
    ]
    news.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)))
    for (const stream of streams) {
      const { at } = stream
      if (newest && at.curve < now.curve)
        tell(stream, { event: 'metric', data: { seq: now.curve, ...newest } }, { curve: now.curve })
      for (const { reached, ...one } of news) if (isBehind(at, { ...at, ...reached })) tell(stream, one, reached)
      // Also past points and samples that were rolled back: they are not told.
      at.curve = Math.max(at.curve, now.curve)
      at.samples = Math.max(at.samples, firstSample + samples.length)
      if (!isTerminal(now.state) || isBehind(at, now)) continue
      tell(stream, { event: 'end', data: { state: now.state } }, {})
      stream.out.push(null)
    }
  }
}

const isBehind = (at: JobMarks, { events, curve, log, samples }: JobMarks) =>
  at.events < events || at.curve < curve || at.log < log || at.samples < samples

/** What follows on this stream counts from behind it. */
function tell(stream: Stream, { event, data }: News, reached: Partial<JobMarks>): void {
  Object.assign(stream.at, reached)
  say(stream, `id: ${nameOf(stream.at)}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

function say(stream: Stream, text: string): void {
  stream.out.push(text)
  stream.heardAt = performance.now()
}
