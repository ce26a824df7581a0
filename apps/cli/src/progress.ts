import type { JobView } from '@kantor/client'
import type { Job } from '@kantor/contracts'
import { SingleBar } from 'cli-progress'
import { createLiveFigures, type LiveFigures } from './live-figures.js'
import { duration, figure } from './output.js'

export interface ProgressDisplay {
  update: (view: JobView) => void
  end: () => void
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
    format: '{state} {bar} {figures}',
    barsize: 24,
    hideCursor: true,
    // Signals are ours: the library's own handler would end the process before the workers have checkpointed.
    gracefulExit: false,
  })
  const read = createLiveFigures()
  let started = false
  let attempt = 0
  return {
    update(view) {
      const figures = read(view)
      const { job } = view
      const { done, total } = shareOf(job, figures)
      const texts = { state: job.state.padEnd(9), figures: inWords(figures) }
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
  const read = createLiveFigures()
  let saidAt = 0
  let saidState = ''
  let said = ''
  let attempt = 0
  return {
    update(view) {
      const figures = read(view)
      const { job } = view
      if (attempt > 0 && job.attempt > attempt) note(takenOver(job))
      attempt = job.attempt
      if (job.state === saidState && Date.now() - saidAt < LINE_EVERY_MS) return
      saidAt = Date.now()
      saidState = job.state
      const line = figures.step === 0 ? job.state : `${job.state}: ${inWords(figures)}`
      if (line !== said) note(line)
      said = line
    },
    end() {},
  }
}

const takenOver = (job: Job) => `attempt ${job.attempt}: a worker goes on from the newest checkpoint`

/** Seconds stand in for steps while only they bound the run. */
function shareOf({ spec, startedAt, finishedAt }: Job, { step, totalSteps }: LiveFigures) {
  if (totalSteps !== null) return { done: step, total: totalSteps }
  if (finishedAt !== null) return { done: 1, total: 1 }
  const elapsed = startedAt === null ? 0 : (Date.now() - Date.parse(startedAt)) / 1000
  return { done: elapsed, total: Math.max(spec.budget.seconds ?? elapsed, elapsed) }
}

function inWords({ step, totalSteps, stepsPerSecond, wEstimate, etaSeconds }: LiveFigures): string {
  const rate = stepsPerSecond === null ? '–' : figure(stepsPerSecond, stepsPerSecond < 10 ? 2 : 1)
  return [
    `step ${step}${totalSteps === null ? '' : `/${totalSteps}`}`,
    `${rate} steps/s`,
    `W ${figure(wEstimate)}`,
    etaSeconds === null ? 'time left unknown' : `${duration(etaSeconds)} left`,
  ].join(' · ')
}
