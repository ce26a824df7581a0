import { describe, expect, test } from '@jest/globals'
import type { TrainerEnd } from './trainer-process.js'
import { judge, type LastMessage } from './verdict.js'

const anEnd = (over: Partial<TrainerEnd> = {}): TrainerEnd => ({
  code: 0,
  signal: null,
  lastWords: '',
  oomKill: false,
  hungSeconds: null,
  ...over,
})
const done = (outcome: 'budget' | 'stopped' | 'cancelled'): LastMessage => ({ type: 'done', step: 10, outcome })
const failed = (kind: Extract<LastMessage, { type: 'failed' }>['kind']): LastMessage => ({
  type: 'failed',
  kind,
  message: 'because',
})

describe('judge', () => {
  test('a lost job is never written, whatever happened', () => {
    expect(judge('lost', done('budget'), anEnd())).toBeNull()
  })

  test('a cancelled job never becomes succeeded', () => {
    expect(judge('cancel', done('budget'), anEnd())).toEqual({ to: 'cancelled', reason: 'user' })
    expect(judge('cancel', undefined, anEnd({ code: null, signal: 'SIGKILL' }))).toEqual({
      to: 'cancelled',
      reason: 'user',
    })
  })

  test('a budget that is reached while the worker goes down is a success', () => {
    expect(judge('preempt', done('budget'), anEnd())).toMatchObject({ to: 'succeeded', reason: 'budget_reached' })
  })

  test('a wish is booked as what it was', () => {
    expect(judge('preempt', done('stopped'), anEnd())).toMatchObject({ to: 'queued', reason: 'preempted' })
    expect(judge('abandon', undefined, anEnd({ code: null, signal: 'SIGKILL' }))).toMatchObject({
      to: 'queued',
      reason: 'preempted',
    })
    expect(judge('stop', done('stopped'), anEnd())).toMatchObject({ to: 'stopped', reason: 'user' })
  })

  test('a pause that saves is one only when the trainer said so; one that does not is one however it ended', () => {
    const killed = anEnd({ code: null, signal: 'SIGKILL' })

    expect(judge('pause', done('stopped'), anEnd())).toEqual({ to: 'paused', reason: 'user' })
    expect(judge('pause', undefined, undefined)).toEqual({ to: 'paused', reason: 'user' })
    expect(judge('pause', undefined, killed)).toMatchObject({ to: 'queued', reason: 'trainer_killed' })
    expect(judge('halt', undefined, killed)).toEqual({ to: 'paused', reason: 'user' })
    expect(judge('halt', failed('diverged'), anEnd({ code: 81 }))).toMatchObject({ to: 'failed', reason: 'diverged' })
  })

  test('a trainer that dies while it should stop has not stopped', () => {
    expect(judge('stop', undefined, anEnd({ code: null, signal: 'SIGSEGV' }))).toMatchObject({
      to: 'queued',
      reason: 'trainer_killed',
    })
  })

  test.each([
    ['diverged', 'failed', 'diverged'],
    ['out_of_memory', 'failed', 'out_of_memory'],
    ['dataset', 'failed', 'dataset_error'],
    ['checkpoint', 'queued', 'checkpoint_corrupt'],
    ['incompatible', 'failed', 'incompatible_checkpoint'],
    ['spec', 'failed', 'invalid_spec'],
    ['error', 'queued', 'trainer_error'],
  ] as const)('a trainer that says %s: %s (%s)', (kind, to, reason) => {
    expect(judge(undefined, failed(kind), anEnd({ code: 81 }))).toMatchObject({
      to,
      reason,
      message: expect.stringContaining('because'),
    })
  })

  test.each(['SIGKILL', 'SIGSEGV', 'SIGBUS'] as const)('F13: a death by %s is told as one', (signal) => {
    expect(judge(undefined, undefined, anEnd({ code: null, signal, lastWords: 'libtensorflow' }))).toEqual({
      to: 'queued',
      reason: 'trainer_killed',
      message: `the trainer was killed by ${signal}; its last words: libtensorflow`,
    })
  })

  test('what TensorFlow says at every start is not taken for last words', () => {
    const greeting =
      'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n' +
      'I0000 00:00:1795654523.881333   10877 port.cc:153] oneDNN custom operations are on. You may see others.\n'
    const end = anEnd({ code: null, signal: 'SIGKILL', lastWords: greeting })

    expect(judge(undefined, undefined, end)?.message).toBe('the trainer was killed by SIGKILL and said nothing')
    expect(judge(undefined, undefined, { ...end, lastWords: `${greeting}alas\n` })?.message).toMatch(/words: alas$/)
  })

  test('F19: one that was killed because it made no progress hung, whatever else is said of it', () => {
    const end = anEnd({ code: null, signal: 'SIGKILL', oomKill: true, hungSeconds: 600 })

    expect(judge(undefined, undefined, end)).toEqual({
      to: 'queued',
      reason: 'hung',
      message: expect.stringContaining('600 s'),
    })
  })

  test('F13: SIGKILL is lack of memory only when the kernel says so', () => {
    const killed = { code: null, signal: 'SIGKILL' } as const

    expect(judge(undefined, undefined, anEnd(killed))).toMatchObject({
      to: 'queued',
      reason: 'trainer_killed',
      message: expect.stringContaining('SIGKILL'),
    })
    expect(judge(undefined, undefined, anEnd({ ...killed, oomKill: true }))).toMatchObject({
      to: 'failed',
      reason: 'out_of_memory',
    })
  })

  test('a native abort for want of memory is told by its last words', () => {
    const end = anEnd({
      code: null,
      signal: 'SIGABRT',
      lastWords: "terminate called after throwing an instance of 'std::bad_alloc'",
    })

    expect(judge(undefined, undefined, end)).toMatchObject({ to: 'failed', reason: 'out_of_memory' })
  })

  test('exit 0 without a last message is an error too', () => {
    expect(judge(undefined, undefined, anEnd())).toMatchObject({ to: 'queued', reason: 'trainer_error' })
  })
})
