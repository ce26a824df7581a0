import { AppError, Sample, type SamplePoints } from '@kantor/contracts'
import { type Page, type PageQuery, readStepCursor, stepCursor, toPage } from './cursor.js'
import { type Database, query } from './database.js'
import { type Fence, sequencedTransaction } from './fence.js'

export interface StoredSample extends Sample {
  /** The object's key in storage. */
  key: string
}

export interface NewSample extends Pick<
  Sample,
  'id' | 'step' | 'numImages' | 'columns' | 'tileSize' | 'padding' | 'channels' | 'sizeBytes' | 'sha256'
> {
  key: string
  /** Of a picture of points: what it shows, the coordinates of one point after the other. */
  points?: { dimensions: number; coordinates: Float32Array }
}

interface SampleRow extends Omit<StoredSample, 'attempt' | 'url' | 'sizeBytes' | 'points' | 'createdAt'> {
  epoch: number
  numPoints: number | null
  dimensions: number | null
  sizeBytes: bigint | string
  createdAt: Date
}

const columns = `id, job_id AS "jobId", epoch, step, key, num_images AS "numImages", columns, tile_size AS "tileSize",
  padding, channels, num_points AS "numPoints", dimensions, size_bytes AS "sizeBytes", sha256, created_at AS "createdAt"`

const toStored = (row: SampleRow): StoredSample => ({ ...toSample(row), key: row.key })

const toSample = (row: SampleRow): Sample =>
  Sample.parse({
    ...row,
    attempt: row.epoch,
    points: row.numPoints === null ? null : { count: row.numPoints, dimensions: row.dimensions },
    sizeBytes: Number(row.sizeBytes),
    url: `/samples/${row.id}/download`,
    createdAt: row.createdAt.toISOString(),
  })

/**
 * Lists a sample whose bytes are complete in storage. Idempotent per (job, step, attempt): the second time gives the row
 * that is there; one of an earlier attempt at the same step gives way. FencedError.
 */
export async function addSample(db: Database, fence: Fence, sample: NewSample): Promise<Sample> {
  const { points } = sample
  return sequencedTransaction(db, fence, async (tx) => {
    await tx.query('UPDATE sample SET effective = false WHERE job_id = $1 AND epoch < $2 AND step = $3 AND effective', [
      fence.jobId,
      fence.epoch,
      sample.step,
    ])
    await tx.query(
      `INSERT INTO sample (id, job_id, epoch, step, key, num_images, columns, tile_size, padding, channels, size_bytes, sha256, num_points,
         dimensions, coordinates)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING`,
      [
        sample.id,
        fence.jobId,
        fence.epoch,
        sample.step,
        sample.key,
        sample.numImages,
        sample.columns,
        sample.tileSize,
        sample.padding,
        sample.channels,
        sample.sizeBytes,
        sample.sha256,
        points ? points.coordinates.length / points.dimensions : null,
        points?.dimensions ?? null,
        points
          ? Buffer.from(points.coordinates.buffer, points.coordinates.byteOffset, points.coordinates.byteLength)
          : null,
      ],
    )
    const { rows } = await tx.query<SampleRow>(
      `SELECT ${columns} FROM sample WHERE job_id = $1 AND epoch = $2 AND step = $3`,
      [fence.jobId, fence.epoch, sample.step],
    )
    if (!rows[0]) throw new AppError('internal', `sample ${sample.id} belongs to another job or step`)
    return toSample(rows[0])
  })
}

export interface SampleQuery extends PageQuery {
  /** First and last step. */
  from?: number | undefined
  to?: number | undefined
  /** At most so many, evenly spread over those that there are, the newest and the oldest among them: one page. */
  density?: number | undefined
}

/** Newest step first; samples that a later attempt rolled back past or made again are left out. */
export async function listSamples(
  db: Database,
  jobId: string,
  { from = 0, to = 2 ** 31 - 1, density, ...options }: SampleQuery,
): Promise<Page<Sample>> {
  if (density !== undefined) {
    const rows = await query<SampleRow>(
      db,
      `SELECT ${columns} FROM (
         SELECT *, row_number() OVER newest - 1 AS place, count(*) OVER () AS total FROM sample
         WHERE job_id = $1 AND effective AND step BETWEEN $2 AND $3 WINDOW newest AS (ORDER BY step DESC, id DESC)
       ) AS placed
       WHERE place IN (SELECT round(k * (total - 1)::numeric / greatest($4 - 1, 1)) FROM generate_series(0, $4::int - 1) AS k)
       ORDER BY place`,
      [jobId, from, to, density],
    )
    return { items: rows.map(toSample), nextCursor: null }
  }
  const after = options.cursor === undefined ? null : readStepCursor(options.cursor)
  const rows = await db.prisma.sample.findMany({
    where: {
      jobId,
      effective: true,
      step: { gte: from, lte: to },
      ...(after && { OR: [{ step: { lt: after.step } }, { step: after.step, id: { lt: after.id } }] }),
    },
    orderBy: [{ step: 'desc' }, { id: 'desc' }],
    take: options.limit + 1,
    omit: { coordinates: true },
  })
  return toPage(rows, options.limit, toSample, stepCursor)
}

/** In the order of their listing, from the n-th on, at most 1000; null in place of one that a later attempt rolled back past. */
export async function samplesFrom(db: Database, jobId: string, n: number): Promise<(Sample | null)[]> {
  const rows = await query<SampleRow & { effective: boolean }>(
    db,
    `SELECT ${columns}, effective FROM sample WHERE job_id = $1 ORDER BY created_at, id OFFSET $2 LIMIT 1000`,
    [jobId, n],
  )
  return rows.map((row) => (row.effective ? toSample(row) : null))
}

/** Any sample by its id, rolled back or not: a link that was given out keeps working. */
export async function getSample(db: Database, id: string): Promise<StoredSample | null> {
  const row = await db.prisma.sample.findUnique({ where: { id }, omit: { coordinates: true } })
  return row && toStored(row)
}

/** The coordinates of a sample of points, little-endian float32, one after the other. AppError `not-found`. */
export async function sampleCoordinates(db: Database, id: string): Promise<Uint8Array> {
  const row = await db.prisma.sample.findUnique({ where: { id }, select: { coordinates: true } })
  if (!row?.coordinates) throw new AppError('not-found', `there is no sample of points ${id}`)
  return row.coordinates
}

/** What a sample of points shows; null when there is no such sample, or it is one of images. */
export async function getSamplePoints(db: Database, id: string): Promise<SamplePoints | null> {
  const row = await db.prisma.sample.findUnique({ where: { id }, select: { dimensions: true, coordinates: true } })
  if (!row?.coordinates || row.dimensions === null) return null
  const { dimensions, coordinates } = row
  const bytes = Buffer.from(coordinates)
  const at = (point: number, axis: number) => {
    const value = bytes.readFloatLE(4 * (point * dimensions + axis))
    return Number.isFinite(value) ? value : null
  }
  const points = Array.from({ length: bytes.length / 4 / dimensions }, (_, point) =>
    Array.from({ length: dimensions }, (_unused, axis) => at(point, axis)),
  )
  return { dimensions, points }
}
