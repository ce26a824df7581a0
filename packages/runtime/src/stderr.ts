import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { pino } from 'pino'

const STDERR = 2
/** What waits for a reader at most; a reader that falls further behind loses lines, and the process goes on. */
const WAITING_CHARACTERS = 1 << 20

/**
 * Where log lines go. As long as there is room a line is with the kernel when `write` returns, so nothing is lost at an exit or a
 * `kill -9`. A reader that stopped reading, or is gone, must not stop the process: a lease hangs on it.
 */
export function openStderr(): pino.DestinationStream {
  const sink = fstatSync(STDERR)
  // Files and terminals take what they get; a pipe may be full, and a synchronous write would then wait for ever.
  if (!sink.isFIFO() && !sink.isSocket()) return pino.destination({ dest: STDERR, sync: true })
  const socket = new Socket({ fd: STDERR, readable: false, writable: true })
  socket.unref()
  // Nobody reads any more (EPIPE): there is nowhere to say it.
  socket.on('error', () => {})
  return {
    write(line) {
      if (!socket.destroyed && socket.writableLength < WAITING_CHARACTERS) socket.write(line)
    },
  }
}
