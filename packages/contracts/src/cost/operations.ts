import type { JobSpec } from '../job-spec.js'
import { networkCosts } from './networks.js'

/** A backward pass is two forward ones: gradients of the weights and of what came in. */
const BACKWARD = 2
/** Of a gradient penalty: forward, the gradient for the images, and back through both. */
const PENALTY = 6

/** How many images' gradients a critic step penalises, per real image. */
export function penaltiesOf(objective: JobSpec['objective']): number {
  if (objective.kind === 'wgan-clip' || objective.kind === 'wgan-sn') return 0
  if (objective.kind === 'wgan-gp') return 1
  if (objective.kind === 'wgan-div') return 2
  return objective.r1 > 0 ? 1 : 0
}

type Sized = Pick<JobSpec, 'model' | 'batchSize' | 'objective'>

/** Floating-point operations of one critic step and of one generator step. */
export function operationsOf(spec: Sized, channels: number): { criticStep: number; generatorStep: number } {
  const { generator, critic } = networkCosts(spec.model, channels)
  const passes = 2 * (1 + BACKWARD) + PENALTY * penaltiesOf(spec.objective)
  return {
    criticStep: spec.batchSize * (generator.operations + critic.operations * passes),
    // The critic's own weights take no gradient here.
    generatorStep: spec.batchSize * (generator.operations * (1 + BACKWARD) + critic.operations * 2),
  }
}

/**
 * Floating-point operations of one generator step with its usual critic steps, about: the authors' defaults on colour
 * images are 5.3e11.
 */
export function operationsPerGeneratorStep(spec: Sized & Pick<JobSpec, 'schedule'>, channels: number): number {
  const { criticStep, generatorStep } = operationsOf(spec, channels)
  return spec.schedule.criticSteps * criticStep + generatorStep
}
