// How convolutions are computed best on this machine, measured by earlier attempts. A cache: losing it costs seconds.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Lowerings, plans, type TensorFlowDescription } from '@kantor/engine'
import { z } from 'zod'

/** Lowerings by what they were measured on. */
const File = z.record(z.string(), z.record(z.string(), z.enum(plans)))

/** Another processor, thread count or TensorFlow has another best way. */
const keyOf = ({ tensorflow, device, processor, threads }: TensorFlowDescription): string =>
  `TensorFlow ${tensorflow} · ${device} · ${processor} · ${threads} threads`

export async function readLowerings(file: string, runtime: TensorFlowDescription): Promise<Lowerings> {
  return (await contents(file))[keyOf(runtime)] ?? {}
}

/** Adds to the file. Two attempts that write at once lose one's additions, which are then measured again. */
export async function noteLowerings(file: string, runtime: TensorFlowDescription, lowerings: Lowerings): Promise<void> {
  const before = await contents(file)
  const key = keyOf(runtime)
  const isKnown = Object.entries(lowerings).every(([name, plan]) => before[key]?.[name] === plan)
  if (isKnown) return
  const after = { ...before, [key]: { ...before[key], ...lowerings } }
  await mkdir(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, `${JSON.stringify(after, null, 2)}\n`)
  await rename(temporary, file)
}

/** A file that is missing, damaged or of another release counts as empty. */
async function contents(file: string): Promise<z.infer<typeof File>> {
  const text = await readFile(file, 'utf8').catch(() => '{}')
  try {
    return File.parse(JSON.parse(text))
  } catch {
    return {}
  }
}
