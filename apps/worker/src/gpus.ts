import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Gpu {
  /** As CUDA_VISIBLE_DEVICES takes it, and the same after a reboot. */
  uuid: string
  name: string
  /** Null where the driver does not tell. */
  memoryBytes: number | null
}

/** The GPUs that this process may use, by NVIDIA's own tool: TensorFlow's binding does not tell. Empty without the tool. */
export async function listGpus(environment: NodeJS.ProcessEnv = process.env): Promise<Gpu[]> {
  const query = ['--query-gpu=index,uuid,memory.total,name', '--format=csv,noheader,nounits']
  const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 }).catch(() => ({ stdout: '' }))
  return visibleGpus(stdout, environment['CUDA_VISIBLE_DEVICES'])
}

/**
 * Reads lines of `index, uuid, memory in MiB, name`. `visible` is CUDA_VISIBLE_DEVICES: indices, or beginnings of uuids; the first entry that
 * names no GPU ends the list, as CUDA has it. Left out: all.
 */
export function visibleGpus(csv: string, visible: string | undefined): Gpu[] {
  const all = csv
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .filter((cells) => cells.length >= 4)
    .map(([index, uuid, mebibytes, ...name]) => ({
      index,
      uuid: uuid as string,
      name: name.join(', '),
      // `[N/A]` on devices that share the host's memory.
      memoryBytes: /^\d+$/.test(mebibytes as string) ? Number(mebibytes) * 2 ** 20 : null,
    }))
  const gpuOf = ({ uuid, name, memoryBytes }: (typeof all)[number]): Gpu => ({ uuid, name, memoryBytes })
  if (visible === undefined) return all.map(gpuOf)
  const chosen: Gpu[] = []
  for (const entry of visible.split(',').map((part) => part.trim())) {
    const found = all.find(({ index, uuid }) => (/^\d+$/.test(entry) ? index === entry : uuid.startsWith(entry)))
    if (!found || entry === '') break
    chosen.push(gpuOf(found))
  }
  return chosen
}

/** Hands out GPUs, one attempt each. */
export class GpuPool {
  readonly #free: string[]

  constructor(gpus: readonly Gpu[]) {
    this.#free = gpus.map(({ uuid }) => uuid)
  }

  /** Undefined where the GPUs are not known: TensorFlow then takes what it sees. */
  take(): string | undefined {
    return this.#free.shift()
  }

  give(uuid: string | undefined): void {
    if (uuid !== undefined) this.#free.push(uuid)
  }
}
