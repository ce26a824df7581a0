import {
  type Dataset,
  type FieldError,
  type JobSpec,
  type KeyQuotas,
  operationsPerGeneratorStep,
} from '@kantor/contracts'

const PETA = 1e15

/** What is wrong with a job's budget under its key's limit; null when it may run. */
export function exceedsBudget(spec: JobSpec, dataset: Dataset, quotas: KeyQuotas | null): FieldError | null {
  const most = quotas?.maxPetaOperations
  if (most === null || most === undefined) return null
  const steps = mostGeneratorSteps(spec, dataset)
  const perStep = operationsPerGeneratorStep(spec, dataset.channels) / PETA
  if (steps * perStep <= most) return null
  const fitting = Math.floor(most / perStep)
  return {
    pointer: '/spec/budget',
    code: 'quota-exceeded',
    message: Number.isFinite(steps)
      ? `comes to ${(steps * perStep).toPrecision(3)} · 10^15 operations, and this key may use ${most} per job`
      : `has no bound but time, and this key may use ${most} · 10^15 operations per job`,
    hint: fitting > 0 ? `at most ${fitting} generatorSteps of this model` : 'take a smaller model or batch',
  }
}

/** The budget's first end, in generator steps; warm-up's extra critic steps only shorten it. Infinity for one in seconds alone. */
function mostGeneratorSteps({ budget, batchSize, schedule, heldOut }: JobSpec, { numImages }: Dataset): number {
  const perEpoch = Math.ceil((numImages - heldOut) / batchSize) / schedule.criticSteps
  const { generatorSteps = Infinity, epochs = Infinity } = budget
  return Math.min(generatorSteps, Math.ceil(epochs * perEpoch))
}
