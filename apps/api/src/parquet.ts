// Tables as Parquet, a group of rows at a time. https://parquet.apache.org/docs/file-format/
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'

type ParquetType = 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'STRING' | 'TIMESTAMP'
/** Null where a column has nothing. */
export type Cell = number | bigint | string | null
export interface ParquetColumn {
  name: string
  type: ParquetType
}

const ROWS_PER_GROUP = 50_000

/** A file, sent on after each group: memory does not grow with the table. Cells stand in the order of the columns. */
export async function* toParquet(
  columns: readonly ParquetColumn[],
  pages: AsyncIterable<readonly Cell[][]> | Iterable<readonly Cell[][]>,
): AsyncGenerator<Uint8Array> {
  const bytes = new ByteWriter()
  const schema = schemaFromColumnData({
    columnData: columns.map((column) => ({ ...column, data: [], nullable: true })),
  })
  const file = new ParquetWriter({ writer: bytes, schema })
  /** A copy: the writer goes on in the same buffer. Offsets in the file count on. */
  const taken = () => {
    const part = bytes.getBytes().slice()
    bytes.index = 0
    return part
  }
  let rows: Cell[][] = []
  const writeGroup = async () => {
    await file.write({
      columnData: columns.map((column, i) => sourceOf(column, rows, i)),
      rowGroupSize: ROWS_PER_GROUP,
    })
    rows = []
    return taken()
  }
  for await (const page of pages) {
    rows.push(...page)
    if (rows.length >= ROWS_PER_GROUP) yield await writeGroup()
  }
  if (rows.length > 0) yield await writeGroup()
  await file.finish()
  yield taken()
}

/** Plain numbers: a dictionary would take −0 for 0. */
const sourceOf = ({ name, type }: ParquetColumn, rows: readonly Cell[][], i: number): ColumnSource => ({
  name,
  data: rows.map((row) => row[i]),
  ...((type === 'FLOAT' || type === 'DOUBLE') && { encoding: 'PLAIN' as const }),
})
