import { readFileSync } from 'node:fs'

/**
 * How many processes the kernel has killed for want of memory: in our control group where there is one (it counts its own whoever
 * ran out), else on the machine; 0 where the kernel does not tell. A rise tells an out-of-memory kill from anybody's kill -9.
 */
export function countOomKills(): number {
  const group = /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1]
  const own = group === undefined ? '' : read(`/sys/fs/cgroup${group}/memory.events`)
  return Number(/^oom_kill (\d+)$/m.exec(own || read('/proc/vmstat'))?.[1] ?? 0)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
