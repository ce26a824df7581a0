import { criticStepsOf, type JobSpec, operationsOf, operationsPerGeneratorStep, penaltiesOf } from '@kantor/contracts'
import type { MeasuredAttempt } from '@kantor/db'

/** Operations per second of earlier attempts: the median of a few that are most alike, the slowest and the fastest of them. */
export interface Speed {
  attempts: number
  alike: 'networks' | 'device'
  operationsPerSecond: number
  slowest: number
  fastest: number
}

interface Asked {
  spec: JobSpec
  channels: number
}

/** Attempts that are believed: enough for a median, few enough to be alike. */
const BELIEVED = 5

/** By attempts on such devices; null when none has told of a speed. */
export function measureSpeed(all: readonly MeasuredAttempt[], { spec, channels }: Asked): Speed | null {
  const same = all.filter((one) => kindOf(one.spec) === kindOf(spec))
  const alike = same.length > 0 ? 'networks' : 'device'
  const size = operationsPerGeneratorStep(spec, channels)
  // Small networks reach a fraction of the speed of large ones: the nearest in size tell most.
  const distance = (one: MeasuredAttempt) =>
    Math.abs(Math.log(operationsPerGeneratorStep(one.spec, one.channels) / size))
  const nearest = (same.length > 0 ? same : all).toSorted((a, b) => distance(a) - distance(b)).slice(0, BELIEVED)
  const speeds = nearest.map(operationsPerSecond).toSorted((a, b) => a - b)
  if (speeds.length === 0) return null
  return {
    attempts: speeds.length,
    alike,
    operationsPerSecond: speeds[speeds.length >> 1]!,
    slowest: speeds[0]!,
    fastest: speeds.at(-1)!,
  }
}

const kindOf = ({ model, precision, objective }: JobSpec): string =>
  [model.generator, model.critic, precision, penaltiesOf(objective)].join(' ')

/** By both networks' updates, since a burst makes one generator step cost twenty others. */
function operationsPerSecond({ spec, channels, numImages, fromStep, toStep, seconds }: MeasuredAttempt): number {
  const { criticStep, generatorStep } = operationsOf(spec, channels)
  const criticSteps = criticStepsOf(spec, numImages, toStep) - criticStepsOf(spec, numImages, fromStep)
  return (criticSteps * criticStep + (toStep - fromStep) * generatorStep) / seconds
}
