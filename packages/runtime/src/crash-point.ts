// Named places at which a fault test can make a process die as by `kill -9`: KANTOR_CRASH_AT=<name> or <name>:<n> for its
// n-th passage. Alone in this file, so that a trainer can have it without the rest of the package.

/** Each name says what has happened when it is passed. */
export const crashPoints = [
  // api: any POST; one that carries an Idempotency-Key has written everything at the first of them
  'submit-before-commit',
  'submit-after-commit',
  // api: dispatcher
  'tickets-drawn',
  'tickets-enqueued',
  // worker
  'claim-before',
  'claim-after',
  'checkpoint-uploaded',
  'checkpoint-row-before',
  'checkpoint-row-after',
  'finish-before',
  'finish-after',
  'task-claimed',
  // trainer: any file of the spool, the sample of step 0 being the first
  'spool-file-written',
  'spool-file-renamed',
] as const
export type CrashPoint = (typeof crashPoints)[number]

export interface ArmedPoint {
  name: CrashPoint
  /** From 1. */
  passage: number
}

/** What KANTOR_CRASH_AT asks for; null when it names no crash point. */
export function parseCrashAt(value: string): ArmedPoint | null {
  const [, name, passage = '1'] = /^([a-z-]+)(?::([1-9]\d{0,8}))?$/.exec(value) ?? []
  const known = crashPoints.find((point) => point === name)
  return known === undefined ? null : { name: known, passage: Number(passage) }
}

const armed = parseCrashAt(process.env['KANTOR_CRASH_AT'] ?? '')
let passages = 0

/** Does nothing unless this very point is armed: then the process kills itself, with nothing flushed, closed or told to anybody. */
export function crashpoint(name: CrashPoint): void {
  if (armed?.name !== name) return
  passages += 1
  if (passages === armed.passage) process.kill(process.pid, 'SIGKILL')
}
