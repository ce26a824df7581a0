import type { FieldError } from './errors.js'
import type { JobSpec } from './job-spec.js'

/** What no part of a spec can see alone: keys that are each right and do not go together. Pointers begin at the spec. */
export function conflictsIn({ objective, model }: Pick<JobSpec, 'objective' | 'model'>): FieldError[] {
  if (objective.kind !== 'wgan-sn' || model.critic.endsWith('-sn')) return []
  return [
    {
      pointer: '/model/critic',
      code: 'conflicting-options',
      message: `wgan-sn needs a critic with spectral norm, nothing bounds the slope of ${model.critic}`,
      hint: 'choose dcgan-sn or resnet-sn, or an objective with a bound of its own',
    },
  ]
}
