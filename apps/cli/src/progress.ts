import type { JobView } from '@kantor/client'
import type { Job } from '@kantor/contracts'
import { SingleBar } from 'cli-progress'
import { duration, figure } from './output.js'

export interface ProgressDisplay {
  update(view: JobView): void
  end(): void
}

/** Without a terminal: one line this often, and one at every change of state. */
const LINE_EVERY_MS = 5000

/** Live progress on stderr: a bar on a terminal, lines elsewhere. */
export function showProgress(note: (line: string) => void): ProgressDisplay {
  return process.stderr.isTTY ? progressBar(note) : progressLines(note)
}

function progressBar(note: (line: string) => void): ProgressDisplay {
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{state} {bar} {steps} · {rate} · W {estimate} · {eta_text}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    // Signals are ours: the library's own handler would end the process before the workers have checkpointed.
    gracefulExit: false,
  })
  let started = false
  let attempt = 0
  return {
    update({ job }) {
      const { done, total } = stepsOf(job)
      const texts = { state: job.state.padEnd(9), ...wordsOf(job) }
      if (attempt > 0 && job.attempt > attempt) note(`\n${takenOver(job)}`)
      attempt = job.attempt
      if (started) bar.setTotal(Math.max(total, 1))
      else bar.start(Math.max(total, 1), done, texts)
      started = true
      bar.update(done, texts)
    },
    end() {
      if (started) bar.stop()
    },
  }
}

function progressLines(note: (line: string) => void): ProgressDisplay {
  let saidAt = 0
  let saidState = ''
  let attempt = 0
  return {
    update({ job }) {
      if (attempt > 0 && job.attempt > attempt) note(takenOver(job))
      attempt = job.attempt
      if (job.state === saidState && Date.now() - saidAt < LINE_EVERY_MS) return
      saidAt = Date.now()
      saidState = job.state
      const { steps, rate, estimate, eta_text } = wordsOf(job)
      note(job.progress ? `${job.state}: ${steps} · ${rate} · W ${estimate} · ${eta_text}` : job.state)
    },
    end() {},
  }
}

const takenOver = (job: Job) => `attempt ${job.attempt}: another worker took the job over (${job.reason})`

/** Seconds stand in for steps while only they bound the run. */
function stepsOf({ progress, spec, startedAt, finishedAt }: Job): { done: number; total: number } {
  const totalSteps = progress?.totalSteps ?? spec.budget.generatorSteps
  if (totalSteps !== undefined) return { done: progress?.step ?? 0, total: totalSteps }
  if (finishedAt !== null) return { done: 1, total: 1 }
  const elapsed = startedAt === null ? 0 : (Date.now() - Date.parse(startedAt)) / 1000
  return { done: elapsed, total: Math.max(spec.budget.seconds ?? elapsed, elapsed) }
}

function wordsOf({ progress, spec }: Job) {
  const total = progress?.totalSteps ?? spec.budget.generatorSteps
  const rate = progress?.stepsPerSecond
  const eta = progress?.etaSeconds
  return {
    steps: `step ${progress?.step ?? 0}${total === undefined ? '' : `/${total}`}`,
    rate: typeof rate === 'number' ? `${figure(rate, rate < 10 ? 2 : 1)} steps/s` : '– steps/s',
    estimate: figure(progress?.wEstimate),
    eta_text: typeof eta === 'number' ? `${duration(eta)} left` : 'time left unknown',
  }
}
