import { type BudgetPlan, type JobSpec, lossNames, type Progress } from '@kantor/contracts'
import type { Points } from './trainer/protocol.js'

/** Seconds of training that the rate is averaged over: long enough to smooth bursts of critic steps, short enough to follow a change. */
const WINDOW_SECONDS = 60

interface Mark {
  step: number
  criticStep: number
  seconds: number
}

/** What a job's progress line says, fed with the points as they come. */
export class ProgressMeter {
  readonly #spec: JobSpec
  readonly #plan: BudgetPlan
  #marks: Mark[] = []
  #epoch = 0
  #latest: NonNullable<Progress['latest']> = {}

  constructor(spec: JobSpec, plan: BudgetPlan) {
    this.#spec = spec
    this.#plan = plan
  }

  /** A resumed attempt starts to count here; before that there is nothing to say. */
  add(points: Pick<Points, 'steps' | 'criticSteps' | 'values' | 'epoch' | 'elapsedSeconds'>): void {
    const last = points.steps.length - 1
    if (last < 0) return
    const row = points.values.subarray(last * lossNames.length, (last + 1) * lossNames.length)
    this.#latest = Object.fromEntries(
      lossNames.map((name, column) => [name, Number.isFinite(row[column]) ? row[column]! : null]),
    )
    this.#epoch = points.epoch
    const mark = { step: points.steps[last]!, criticStep: points.criticSteps[last]!, seconds: points.elapsedSeconds }
    this.#marks.push(mark)
    const old = this.#marks.findLastIndex(({ seconds }) => seconds < mark.seconds - WINDOW_SECONDS)
    if (old > 0) this.#marks.splice(0, old)
  }

  current(): Progress | undefined {
    const first = this.#marks[0]
    const last = this.#marks.at(-1)
    if (!first || !last) return undefined
    const seconds = last.seconds - first.seconds
    return {
      step: last.step,
      totalSteps: this.#plan.steps,
      criticSteps: last.criticStep,
      epoch: this.#epoch,
      stepsPerSecond: seconds > 0 ? (last.step - first.step) / seconds : null,
      etaSeconds: seconds > 0 ? this.#eta(first, last, seconds) : null,
      wEstimate: this.#latest.w_estimate ?? null,
      latest: this.#latest,
    }
  }

  /** By updates of both networks, since a burst makes one generator step cost twenty others. */
  #eta(first: Mark, last: Mark, seconds: number): number | null {
    const rate = (work(last) - work(first)) / seconds
    const { steps, criticSteps } = this.#plan
    const byWork = steps === null || rate <= 0 ? Infinity : (steps + criticSteps - work(last)) / rate
    const bySeconds = this.#spec.budget.seconds === undefined ? Infinity : this.#spec.budget.seconds - last.seconds
    const eta = Math.min(byWork, bySeconds)
    return Number.isFinite(eta) ? Math.max(0, eta) : null
  }
}

const work = ({ step, criticStep }: Mark) => step + criticStep
